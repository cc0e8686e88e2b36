/**
 * The broker as the rest sees it: opened before the first use, and never waited for when it is away, since a worker can run what the state has.
 *
 * States: reachable → (a call failed, or took too long) → away: nothing is received until `retryMs` have passed → a call succeeds → reachable.
 */
import { isKerjaError } from '../../errors.js'
import type { Notices } from './notices.js'
import type { IncomingMessage, Transport } from './transport.js'

export interface ReachParts {
  readonly transport: Transport
  readonly notices: Notices
  /** Messages that came after their caller had gone on. */
  readonly onLate: (messages: readonly IncomingMessage[]) => void
  readonly monotonicNow: () => number
}

export interface Reach {
  /** What could be had of the queue; nothing while the broker is away. @throws nothing that an outage brings about */
  receive(queue: string, max: number): Promise<readonly IncomingMessage[]>
  /** How many wait in the queue; null while the broker is away. */
  depth(queue: string): Promise<number | null>
}

/** Longer than this a claim does not wait for the broker. */
const PATIENCE_MS = 1_000
const RETRY_MS = 1_000

export function createReach({ transport, notices, onLate, monotonicNow }: ReachParts): Reach {
  let awayUntilMs = 0
  let isAway = false

  function failed(error: unknown): void {
    awayUntilMs = monotonicNow() + RETRY_MS
    if (isAway) return
    isAway = true
    const message = error instanceof Error ? error.message : `${error}`
    notices.warn('the broker is away; what the state holds is run meanwhile', { broker: transport.location, error: message })
  }

  function answered(): void {
    if (isAway) notices.info('the broker is back', { broker: transport.location })
    isAway = false
  }

  async function call<Answer>(ask: () => Promise<Answer>, onLateAnswer: (answer: Answer) => void): Promise<Answer | null> {
    if (monotonicNow() < awayUntilMs) return null
    let isWaiting = true
    const asked = transport
      .open()
      .then(ask)
      .then(
        (answer) => {
          answered()
          if (!isWaiting) onLateAnswer(answer)
          return answer
        },
        (error: unknown) => {
          // Anything else is no outage: a defect that must be seen.
          if (!isKerjaError(error)) throw error
          if (error.code !== 'BACKEND_CLOSED') failed(error)
          return null
        },
      )
    const patience = createTimer(PATIENCE_MS)
    const first = await Promise.race([asked.then((answer) => ({ answer })), patience.passed])
    patience.stop()
    if (first !== null) return first.answer
    isWaiting = false
    asked.catch(() => undefined)
    failed(new Error(`it has not answered for ${PATIENCE_MS} ms`))
    return null
  }

  return {
    receive: async (queue, max) => (await call(() => transport.receive(queue, max), onLate)) ?? [],
    depth: (queue) =>
      call(
        () => transport.depth(queue),
        () => undefined,
      ),
  }
}

function createTimer(ms: number): { readonly passed: Promise<null>; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  return { passed, stop: () => clearTimeout(timer) }
}
