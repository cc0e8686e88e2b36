/**
 * The broker as the rest sees it: opened before the first use, and no error when it is away, since a worker can run what the state has.
 *
 * States: reachable → (a call failed) → away: nothing is asked until `RETRY_MS` have passed → a call succeeds → reachable.
 */
import { isKerjaError } from '../../errors.js'
import type { Notices } from './notices.js'
import type { IncomingMessage, Transport } from './transport.js'
import { within } from './within.js'

export interface Reach {
  /** What could be had of the queue; nothing while the broker is away. */
  receive(queue: string, max: number): Promise<readonly IncomingMessage[]>
  /** How many wait in the queue; null while the broker is away. */
  depth(queue: string): Promise<number | null>
}

const RETRY_MS = 1_000
/** Longer than this nobody waits for a number. */
const PATIENCE_MS = 1_000

export function createReach(transport: Transport, notices: Notices, monotonicNow: () => number): Reach {
  let awayUntilMs = 0
  let isAway = false

  async function call<Answer>(ask: () => Promise<Answer>): Promise<Answer | null> {
    if (monotonicNow() < awayUntilMs) return null
    try {
      await transport.open()
      const answer = await ask()
      if (isAway) notices.info('the broker is back', { broker: transport.location })
      isAway = false
      return answer
    } catch (error) {
      // Anything else is no outage: a defect that must be seen.
      if (!isKerjaError(error)) throw error
      awayUntilMs = monotonicNow() + RETRY_MS
      if (!isAway && error.code !== 'BACKEND_CLOSED')
        notices.warn('the broker is away; what the state holds is run meanwhile', { broker: transport.location, error: error.message })
      isAway = true
      return null
    }
  }

  return {
    receive: async (queue, max) => (await call(() => transport.receive(queue, max))) ?? [],
    depth: (queue) =>
      within(
        call(() => transport.depth(queue)),
        PATIENCE_MS,
      ),
  }
}
