/** The queues of which messages are fetched: each opened when somebody asks, and anew after its channel has ended. */
import type { PriorityRank } from '../../core/state.js'
import type { Declarer } from './declarer.js'
import { faultOf, unavailable } from './faults.js'
import type { Link } from './link.js'
import type { TransportConfig } from './options.js'
import { openPull, type Pull } from './pull.js'
import { declarationOf } from './topology.js'
import { within } from './within.js'

export interface Pulls {
  /** `late` gets what comes after the time for a call. @throws {BACKEND_UNAVAILABLE} {STORE_MISMATCH} {STORE_DENIED} */
  ask<Value>(queue: string, rank: PriorityRank, act: (pull: Pull) => Promise<Value>, late?: (value: Value) => void): Promise<Value>
  close(): Promise<void>
}

export function createPulls({
  config,
  link,
  declarer,
}: {
  readonly config: TransportConfig
  readonly link: Link
  readonly declarer: Declarer
}): Pulls {
  const { location, prefix, callTimeoutMs, logger } = config
  const pulls = new Map<string, Promise<Pull>>()

  async function open(queue: string, rank: PriorityRank): Promise<Pull> {
    const connection = await link.use()
    const declaration = declarationOf(prefix, queue, rank)
    await declarer.ensure(connection, declaration)
    const { name } = declaration
    return openPull(connection, name, (error, lostCount) => {
      declarer.forget(connection, name)
      const facts = { location, queue: name, lostCount, reason: error?.message ?? 'the connection ended' }
      if (lostCount > 0) logger.warn('RabbitMQ ended a channel; the messages held over it come again', facts)
    })
  }

  async function find(queue: string, rank: PriorityRank): Promise<Pull> {
    const key = `${rank} ${queue}`
    const before = pulls.get(key)
    if (before !== undefined && !(await before).isOver) return before
    // Another call may have opened one meanwhile.
    if (pulls.get(key) === before) {
      const opening = open(queue, rank)
      pulls.set(key, opening)
      opening.catch(() => pulls.get(key) === opening && pulls.delete(key))
    }
    return pulls.get(key) as Promise<Pull>
  }

  return {
    async ask(queue, rank, act, late) {
      try {
        const asked = find(queue, rank).then(act)
        return await within(asked, callTimeoutMs, () => unavailable(location, `did not answer within ${callTimeoutMs} ms.`), late)
      } catch (error) {
        throw faultOf(error, location)
      }
    },
    close: async () => void (await Promise.all([...pulls.values()].map((opening) => opening.then((pull) => pull.close()).catch(() => undefined)))),
  }
}
