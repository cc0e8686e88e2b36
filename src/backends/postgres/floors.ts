/**
 * Where claims begin to look. An index keeps the entries of jobs that were claimed until a vacuum may remove them, and while somebody holds an
 * old snapshot it may not: a claim that began at the start of its lane would walk past all of them each time. So each lane and priority has a
 * floor, a little below the run time that was claimed last.
 *
 * It is a hint, and wrong for a job that comes in below it: one whose push committed late, or whose run time was moved. So whatever this process
 * knows to come below it lifts it, and now and then a claim sweeps: it looks without floors. A sweep is due each second, and at once when a claim
 * came back short; but when sweeps cost much, no more often than keeps them below a twentieth of the time.
 */
export interface Floors {
  /** Whether this claim looks without floors. */
  sweepDue(now: number): boolean
  /** Whether one that came back short may look again without them. */
  sweepAllowed(now: number): boolean
  /** The floors of a lane, by priority. */
  of(lane: number): readonly number[]
  /** The last run time of those claimed there. */
  claimed(lane: number, priority: number, runAt: number): void
  /** All floors end: a sweep begins, or jobs went to places below them. */
  lift(): void
  swept(endedAt: number, tookMs: number): void
}

export const PRIORITY_COUNT = 5
/** Pushes that began together commit in any order. */
const SLACK_MS = 50
const SWEEP_EVERY_MS = 1_000
/** A sweep of a ms pauses sweeps for 20. */
const SWEEP_SHARE = 20
const NO_FLOORS: readonly number[] = Object.freeze(Array<number>(PRIORITY_COUNT).fill(0))

/** Times are monotonic ms of this process, but for run times. */
export function createFloors(): Floors {
  const floors = new Map<number, number[]>()
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweepMs = 0
  return {
    sweepDue: (now) => now - sweptAt >= Math.max(SWEEP_EVERY_MS, sweepMs * SWEEP_SHARE),
    sweepAllowed: (now) => now - sweptAt >= sweepMs * SWEEP_SHARE,
    of: (lane) => floors.get(lane) ?? NO_FLOORS,
    claimed(lane, priority, runAt) {
      let own = floors.get(lane)
      if (own === undefined) {
        own = [...NO_FLOORS]
        floors.set(lane, own)
      }
      own[priority] = Math.max(own[priority] as number, runAt - SLACK_MS)
    },
    lift: () => floors.clear(),
    swept(endedAt, tookMs) {
      sweptAt = endedAt
      sweepMs = tookMs
    },
  }
}
