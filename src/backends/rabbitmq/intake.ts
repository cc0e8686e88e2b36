/**
 * One of Kerja's queues as it is received: its priorities are queues of their own at the broker, and the most urgent comes first.
 *
 * It subscribes at the first call, and ends the subscriptions when what it holds is not received for a while: a process whose slots are full, or
 * whose queue is paused, does not sit on messages that others could have.
 */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import type { IncomingMessage } from '../broker/transport.js'
import { type Consumer, type ConsumerOptions, createConsumer } from './consumer.js'
import { createHints } from './hints.js'
import { atMost } from './within.js'

export interface Intake {
  receive(max: number): Promise<IncomingMessage[]>
  /** Calls back when something may be received. Returns the way to stop. */
  watch(onArrival: () => void): () => void
  /** Something may be received now, says somebody else. */
  hint(): void
  /** Messages of this queue that are here and that nobody has taken. */
  readonly bufferedCount: number
  stop(): Promise<void>
}

/** What nobody has taken for this long, others may have: the subscriptions end. */
const IDLE_MS = 250
/** How long a priority is waited for that cannot be subscribed to, when others can. */
const START_MS_MAX = 3_000
/** How long a message is waited for that the broker is about to hand out, and how often. */
const ARRIVAL_MS = 20
const ARRIVAL_ROUNDS_MAX = 5
/** So many are worth an answer: the rest is for the next. */
const ENOUGH = 100

export function createIntake(options: Omit<ConsumerOptions, 'rank' | 'onChange'>): Intake {
  const hints = createHints()
  const consumers: readonly Consumer[] = PRIORITIES.map((_, rank) => createConsumer({ ...options, rank: rank as PriorityRank, onChange }))
  let idle: NodeJS.Timeout | undefined
  let receivingCount = 0

  const sum = (count: (consumer: Consumer) => number): number => consumers.reduce((total, consumer) => total + count(consumer), 0)
  const bufferedCount = (): number => sum((consumer) => consumer.bufferedCount)

  function onChange(): void {
    // The first that is held: its time begins.
    if (bufferedCount() === 1) idle?.refresh()
    hints.hint()
  }

  /** Subscribes where it has not. One priority that cannot be had does not stand in the way of the others: its trouble is noted. */
  async function start(troubles: unknown[]): Promise<void> {
    idle ??= setTimeout(rest, IDLE_MS).unref()
    idle.refresh()
    if (consumers.every((consumer) => consumer.isRunning)) return
    const starting = Promise.all(consumers.map((consumer) => consumer.start().catch((error: unknown) => void troubles.push(error))))
    await atMost(starting, START_MS_MAX)
    if (!consumers.some((consumer) => consumer.isRunning)) await starting
  }

  function rest(): void {
    // While nothing is held, messages may arrive that somebody here waits for. Acknowledgements of what was taken are still to come, and would be void.
    if (receivingCount > 0 || bufferedCount() === 0 || sum((consumer) => consumer.takenCount) > 0) idle?.refresh()
    else void stop()
  }

  async function stop(): Promise<void> {
    clearTimeout(idle)
    idle = undefined
    await Promise.all(consumers.map((consumer) => consumer.stop()))
  }

  /** Those of which more might be had that belongs into an answer of `max`. */
  function wanted(max: number): Consumer[] {
    const asked: Consumer[] = []
    let missing = max
    for (const consumer of consumers) {
      if (missing <= consumer.bufferedCount) break
      if (consumer.hasRoom) asked.push(consumer)
      missing -= consumer.bufferedCount
    }
    return asked
  }

  /** All that the broker has for us is here. What it may hand out and has not yet, it is about to: after an acknowledgement it first writes that down. */
  async function settle(max: number, troubles: unknown[]): Promise<void> {
    const readyCountOf = (consumer: Consumer): Promise<number> =>
      consumer.settle().catch((error: unknown) => {
        troubles.push(error)
        return 0
      })
    for (let round = 0; round < ARRIVAL_ROUNDS_MAX; round++) {
      const readyCounts = await Promise.all(wanted(max).map(readyCountOf))
      if (bufferedCount() >= Math.min(max, ENOUGH) || readyCounts.every((count) => count === 0)) return
      await hints.next(ARRIVAL_MS)
    }
  }

  return {
    get bufferedCount() {
      return bufferedCount()
    },
    async receive(max) {
      const troubles: unknown[] = []
      receivingCount += 1
      try {
        await start(troubles)
        await settle(max, troubles)
      } finally {
        receivingCount -= 1
      }
      const taken: IncomingMessage[] = []
      for (const consumer of consumers) if (taken.length < max) taken.push(...consumer.take(max - taken.length))
      if (taken.length === 0 && troubles.length > 0) throw troubles[0]
      return taken
    },
    watch(onArrival) {
      // What stands against it is said to whoever receives.
      void start([])
      return hints.watch(onArrival)
    },
    hint: hints.hint,
    async stop() {
      hints.stop()
      await stop()
    },
  }
}
