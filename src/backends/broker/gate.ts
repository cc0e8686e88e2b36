/**
 * From which queues messages may be received: none that is paused, and none of which the state holds `heldMax` jobs that are due and that nobody
 * takes. Known from the state's own numbers, which are asked no more than once a second; the first time, and while one is shut, before the answer.
 */
import type { Ledger } from '../../contract/ledger.js'
import type { Notices } from './notices.js'

export interface GateParts {
  readonly ledger: Pick<Ledger, 'stats'>
  readonly heldMax: number
  readonly notices: Notices
  readonly monotonicNow: () => number
}

export interface Gate {
  /** Those of them that are open. @throws what the state fails with */
  open(queues: Iterable<string>): Promise<readonly string[]>
  /** A job of the queue went into the state that whoever fetched it cannot run. */
  noteHeld(queue: string): void
  /** What is known of the queue may be wrong: ask before the next answer. */
  doubt(queue: string): void
}

interface Fact {
  isPaused: boolean
  isFull: boolean
  askedAtMs: number
  /** Since it was last counted. */
  heldCount: number
}

const FRESH_MS = 1_000
/** So many jobs that nobody here can run are worth a count of all of them. */
const COUNT_AFTER = 500

export function createGate({ ledger, heldMax, notices, monotonicNow }: GateParts): Gate {
  const facts = new Map<string, Fact>()

  function factOf(queue: string): Fact {
    const fact = facts.get(queue) ?? { isPaused: false, isFull: false, askedAtMs: Number.NEGATIVE_INFINITY, heldCount: 0 }
    facts.set(queue, fact)
    return fact
  }

  async function ask(queues: readonly string[]): Promise<void> {
    const askedAtMs = monotonicNow()
    // To count is worth it only where something may have piled up.
    const isToCount = queues.some((queue) => factOf(queue).isFull || factOf(queue).heldCount >= COUNT_AFTER)
    for (const queue of queues) factOf(queue).askedAtMs = askedAtMs
    const answers = await ledger.stats({ queues, countCap: isToCount ? heldMax : 0, windowMs: 0 })
    for (const { queue, paused, counts } of answers) {
      const fact = factOf(queue)
      fact.isPaused = paused
      if (!isToCount) continue
      const isFull = counts.available >= heldMax
      if (isFull && !fact.isFull)
        notices.warn(
          `${heldMax} jobs of a queue that nobody runs wait in the state; what else is in the queue stays in the broker until they are run or cancelled`,
          {
            queue,
          },
        )
      fact.isFull = isFull
      fact.heldCount = 0
    }
  }

  return {
    async open(queues) {
      const names = [...queues]
      const now = monotonicNow()
      const old = names.filter((queue) => now - factOf(queue).askedAtMs >= FRESH_MS || factOf(queue).heldCount >= COUNT_AFTER)
      const shut = names.filter((queue) => factOf(queue).isPaused || factOf(queue).isFull)
      const unknown = names.filter((queue) => factOf(queue).askedAtMs === Number.NEGATIVE_INFINITY || factOf(queue).heldCount >= COUNT_AFTER)
      if (shut.length + unknown.length > 0) await ask(names)
      // Answered from what is known; the next claim knows more. An outage of the state is reported by the claim itself.
      else if (old.length > 0) void ask(names).catch(() => undefined)
      return names.filter((queue) => !factOf(queue).isPaused && !factOf(queue).isFull)
    },
    noteHeld(queue) {
      factOf(queue).heldCount += 1
    },
    doubt(queue) {
      factOf(queue).askedAtMs = Number.NEGATIVE_INFINITY
    },
  }
}
