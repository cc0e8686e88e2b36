/** The clock of the state as this process knows it: asked now and then, never ahead of what the state said. */
import type { StoreClock } from '../../contract/clock.js'
import type { Coordination } from '../../contract/coordination.js'

export interface StateClock {
  /** Epoch ms by the state's clock: at most that, and behind by no more than one answer took. */
  now(): number
  /** Asks where the last answer is old. @throws what the state fails with */
  refresh(): Promise<void>
}

const FRESH_MS = 30_000

export function createStateClock(coordination: Pick<Coordination, 'dueSchedules'>, clock: StoreClock, monotonicNow: () => number): StateClock {
  let askedAtMs = Number.NEGATIVE_INFINITY
  /** The state's clock minus this one's. Counted from when its answer had arrived, so that the state's is no earlier. */
  let aheadMs = 0

  return {
    now: () => clock.now() + aheadMs,
    async refresh() {
      if (monotonicNow() - askedAtMs < FRESH_MS) return
      const { now } = await coordination.dueSchedules({ limit: 0 })
      aheadMs = now - clock.now()
      askedAtMs = monotonicNow()
    },
  }
}
