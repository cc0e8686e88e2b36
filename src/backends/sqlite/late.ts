/** Ends waiting jobs whose time has passed: `startBy` without a start is cancelled as `expired`, `giveUpAt` is failed as `gave-up`. */
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import type { Ended } from './ended.js'
import { CANCELLED, FAILED, WAITING_SQL } from './rows.js'

/** Ends the job; it must be past its deadline. */
export type EndLate = (seq: number, now: number, retentionMs: number) => void

export interface Late {
  readonly end: EndLate
  any(): boolean
  /** Ends up to `limit`; how many. */
  sweep(limit: number, retentionMs: number): number
}

export function createLate(context: StoreContext, counters: Counters, ended: Ended): Late {
  const { connection, lanes, effects } = context
  const end = connection.prepare<[number, number]>(
    `UPDATE kerja_jobs SET state = CASE WHEN claimed_at IS NULL AND start_by < ? THEN ${CANCELLED} ELSE ${FAILED} END,
      reason = CASE WHEN claimed_at IS NULL AND start_by < ? THEN 'expired' ELSE 'gave-up' END, finished_at = ?, prune_at = ? WHERE seq = ? RETURNING state, lane`,
  )
  const late = connection.prepare<[number]>(
    `SELECT seq FROM kerja_jobs INDEXED BY kerja_jobs_deadline WHERE deadline IS NOT NULL AND deadline < ? AND ${WAITING_SQL} ORDER BY deadline LIMIT ?`,
  )

  const endLate: EndLate = (seq, now, retentionMs) => {
    const pruneAt = Math.ceil(now + retentionMs)
    const [state, lane] = end.row(now, now, now, pruneAt, seq) ?? [CANCELLED, 0]
    ended.add(lane, state, [seq], pruneAt)
    if (state === FAILED) counters.failed(lanes.find(lane)[1])
    effects.changed = true
  }

  return {
    end: endLate,
    any: () => late.row(context.now(), 1) !== undefined,
    sweep(limit, retentionMs) {
      const now = context.now()
      const found = late.rows(now, limit)
      for (const [seq] of found) endLate(seq, now, retentionMs)
      return found.length
    },
  }
}
