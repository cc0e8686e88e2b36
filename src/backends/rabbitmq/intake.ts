/**
 * One of Kerja's queues as it is received: its priorities are queues of their own at the broker, and the most urgent comes first.
 *
 * It subscribes at the first call and ends the subscriptions when what it holds is not received for a while, so that a process whose slots are full, or whose
 * queue is paused, does not sit on messages that others could have.
 */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import type { IncomingMessage } from '../broker/transport.js'
import { type Consumer, type ConsumerOptions, createConsumer } from './consumer.js'

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
/** How long a message may be on its way that the broker must hand to us: after an acknowledgement it first writes that down. */
const ARRIVAL_MS = 20
const ARRIVAL_ROUNDS_MAX = 5

export function createIntake(options: Omit<ConsumerOptions, 'rank' | 'onChange'>): Intake {
  const watchers = new Set<() => void>()
  const consumers: readonly Consumer[] = PRIORITIES.map((_, rank) => createConsumer({ ...options, rank: rank as PriorityRank, onChange: hint }))
  let hinted: NodeJS.Immediate | undefined
  let idle: NodeJS.Timeout | undefined

  const sum = (count: (consumer: Consumer) => number): number => consumers.reduce((total, consumer) => total + count(consumer), 0)
  const bufferedCount = (): number => sum((consumer) => consumer.bufferedCount)

  function hint(): void {
    // Messages come in bursts.
    hinted ??= setImmediate(() => {
      hinted = undefined
      for (const onArrival of [...watchers]) onArrival()
    })
  }

  function watch(onArrival: () => void): () => void {
    // The same function may be given twice.
    const call = (): void => onArrival()
    watchers.add(call)
    return () => void watchers.delete(call)
  }

  function start(): Promise<unknown> {
    idle ??= setTimeout(rest, IDLE_MS).unref()
    idle.refresh()
    return Promise.all(consumers.map((consumer) => consumer.start()))
  }

  function rest(): void {
    // While nothing is held, messages may arrive that somebody here waits for. Acknowledgements of what was taken are still to come, and would be void.
    if (bufferedCount() === 0 || sum((consumer) => consumer.takenCount) > 0) idle?.refresh()
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

  /** All that the broker has for us is here; or, when nothing is, nothing could be had. */
  async function settle(max: number): Promise<void> {
    for (let round = 0; round < ARRIVAL_ROUNDS_MAX; round++) {
      const readyCounts = await Promise.all(wanted(max).map((consumer) => consumer.settle()))
      if (bufferedCount() > 0 || readyCounts.every((count) => count === 0)) return
      await arrival()
    }
  }

  function arrival(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        unwatch()
        resolve()
      }
      const timer = setTimeout(done, ARRIVAL_MS)
      const unwatch = watch(done)
    })
  }

  return {
    get bufferedCount() {
      return bufferedCount()
    },
    async receive(max) {
      await start()
      await settle(max)
      const taken: IncomingMessage[] = []
      for (const consumer of consumers) if (taken.length < max) taken.push(...consumer.take(max - taken.length))
      return taken
    },
    watch(onArrival) {
      // What stands against it is said to whoever receives.
      start().catch(() => undefined)
      return watch(onArrival)
    },
    hint,
    async stop() {
      clearImmediate(hinted)
      await stop()
    },
  }
}
