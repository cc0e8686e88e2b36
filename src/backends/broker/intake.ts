/**
 * Brings what waits in the broker before the eyes of those who ask about jobs: a small backlog is checked out, so that it is seen job by job; a large
 * one stays where it is, and is counted.
 */
import type { CheckOut, Received } from './check-out.js'
import type { KnownQueues } from './queues.js'
import type { Reach } from './reach.js'
import type { StateClock } from './state-clock.js'

export interface IntakeParts {
  readonly checkOut: CheckOut
  readonly reach: Reach
  readonly queues: KnownQueues
  readonly stateClock: StateClock
}

export interface Intake {
  /** Checks out the backlog when it is small. What stays in the broker, by queue. @throws what the state fails with */
  look(): Promise<ReadonlyMap<string, number>>
  /** Checks out some of the given queues, however much waits there. How many messages came. @throws what the state fails with */
  some(names: Iterable<string>, count: number): Promise<number>
}

/** A backlog of more messages than this is no small one. */
const JOBS_MAX = 1_000

export function createIntake({ checkOut, reach, queues, stateClock }: IntakeParts): Intake {
  let running: Promise<ReadonlyMap<string, number>> | null = null
  let next: Promise<ReadonlyMap<string, number>> | null = null

  /** At most `count` messages of each queue. How many came. */
  async function drain(names: Iterable<string>, count: number): Promise<number> {
    const received: Received[] = []
    const counts = await Promise.all(
      [...names].map(async (name) => {
        let left = count
        while (left > 0) {
          const answer = await checkOut.receive(name, left)
          if (answer.count === 0) break
          received.push(...answer.received)
          left -= answer.count
        }
        return count - left
      }),
    )
    await checkOut.store(received)
    return counts.reduce((sum, came) => sum + came, 0)
  }

  async function look(): Promise<ReadonlyMap<string, number>> {
    // What others of this process have in hand is seen too.
    await checkOut.settled()
    await checkOut.storeKept()
    await stateClock.refresh()
    const names = [...(await queues.all())]
    const depths = await Promise.all(names.map(async (name) => [name, await reach.depth(name)] as const))
    const known = depths.filter((entry): entry is readonly [string, number] => entry[1] !== null && entry[1] > 0)
    const total = known.reduce((sum, [, depth]) => sum + depth, 0)
    // A broker that is away has nothing to show.
    if (depths.some(([, depth]) => depth === null)) return new Map()
    if (total > JOBS_MAX) return new Map(known)
    await checkOut.during(() => drain(names, JOBS_MAX))
    return new Map()
  }

  function start(): Promise<ReadonlyMap<string, number>> {
    const looking = look().finally(() => {
      running = null
    })
    running = looking
    return looking
  }

  return {
    /** Whoever asks while one look is under way is served by the next: what it asks about may have come too late for this one. */
    look() {
      if (running === null) return start()
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = null
          return start()
        })
      return next
    },
    async some(names, count) {
      await checkOut.settled()
      await checkOut.storeKept()
      await stateClock.refresh()
      return checkOut.during(() => drain(names, count))
    },
  }
}
