/**
 * Where claims begin to look. An index keeps the entries of jobs that were claimed until a vacuum may remove them, and while somebody holds an
 * old snapshot it may not: a claim that began at the start of its lane would walk past all of them each time. So each lane and priority has a
 * floor: the place of the job that was claimed last.
 *
 * It is a hint, and wrong for a job that comes in below it: one whose push committed late, or whose run time was moved. So whatever this process
 * knows to come below it lifts it, and now and then a claim sweeps: it looks without floors. A sweep is due each second while claims come back
 * full, and with each claim otherwise; but when sweeps cost much, no more often than keeps them below a twentieth of the time.
 */
export interface Floors {
  /** Whether this claim looks without floors. */
  sweepDue(now: number): boolean
  /** Whether one that came back short may look again without them. */
  sweepAllowed(now: number): boolean
  /** The floors of a lane, by priority: a run time and a number each. */
  of(lane: number): readonly number[]
  /** The round in which a claim is sent: a sweep begins another. */
  round(): number
  /** One of those claimed there. A claim of an earlier round began above what the sweep since may have left. */
  claimed(round: number, lane: number, priority: number, runAt: number, seq: number): void
  /** Whether a claim came back full. */
  came(full: boolean): void
  /** All floors end: a sweep begins, or jobs went to places below them. Returns the new round. */
  lift(): number
  swept(endedAt: number, tookMs: number): void
}

const PRIORITY_COUNT = 5
const SWEEP_EVERY_MS = 1_000
/** A sweep of a ms pauses sweeps for 20. */
const SWEEP_SHARE = 20
/** Below every job: run times are no less than 0. */
const NO_FLOORS: readonly number[] = Object.freeze(Array<number>(PRIORITY_COUNT * 2).fill(-1))

/** Times are monotonic ms of this process, but for run times. */
export function createFloors(): Floors {
  const floors = new Map<number, number[]>()
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweepMs = 0
  let lastMs = 0
  let roundNumber = 0
  let isBehind = false
  return {
    sweepDue: (now) => now - sweptAt >= Math.max(isBehind ? SWEEP_EVERY_MS : 0, sweepMs * SWEEP_SHARE),
    sweepAllowed: (now) => now - sweptAt >= sweepMs * SWEEP_SHARE,
    of: (lane) => floors.get(lane) ?? NO_FLOORS,
    round: () => roundNumber,
    claimed(round, lane, priority, runAt, seq) {
      if (round !== roundNumber) return
      let own = floors.get(lane)
      if (own === undefined) {
        own = [...NO_FLOORS]
        floors.set(lane, own)
      }
      const [at, of] = [priority * 2, priority * 2 + 1]
      const highest = own[at] as number
      if (runAt < highest || (runAt === highest && seq <= (own[of] as number))) return
      own[at] = runAt
      own[of] = seq
    },
    came(full) {
      isBehind = full
    },
    lift() {
      floors.clear()
      roundNumber += 1
      return roundNumber
    },
    swept(endedAt, tookMs) {
      sweptAt = endedAt
      // One that took long by chance, on a busy machine, says nothing of what is in the way.
      sweepMs = Math.min(tookMs, lastMs)
      lastMs = tookMs
    },
  }
}
