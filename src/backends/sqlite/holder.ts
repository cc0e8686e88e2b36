/** What a job does to the waiting holder of its unique key: takes its place, or moves it. */
import type { StoreContext } from './context.js'
import { DEADLINE_SQL } from './insert.js'
import { HELD, WAITING_AGAIN_SQL } from './rows.js'

export interface HolderChanges {
  /** `lane` is the holder's: it stays in its queue. */
  replace(
    seq: number,
    lane: number,
    by: { readonly kind: string; readonly version: number; readonly priority: number; readonly payload: string },
  ): void
  move(seq: number, runAt: number, startBy: number | null): void
}

export function createHolderChanges({ connection, lanes }: StoreContext): HolderChanges {
  const move = connection.prepare('UPDATE kerja_jobs SET run_at = ?, start_by = ? WHERE seq = ?')
  const setDeadline = connection.prepare(`UPDATE kerja_jobs SET deadline = ${DEADLINE_SQL} WHERE seq = ?`)
  const setPayload = connection.prepare('UPDATE kerja_payloads SET payload = ? WHERE seq = ?')
  const replace = connection.prepare(
    `UPDATE kerja_jobs SET lane = ?, priority = ?, state = CASE state WHEN ${HELD} THEN ${WAITING_AGAIN_SQL} ELSE state END WHERE seq = ?`,
  )
  return {
    replace(seq, lane, { kind, version, priority, payload }) {
      const [, queue] = lanes.find(lane)
      setPayload.run(payload, seq)
      replace.run(lanes.idOf([queue, kind, version]), priority, seq)
    },
    move(seq, runAt, startBy) {
      move.run(runAt, startBy, seq)
      setDeadline.run(seq)
    },
  }
}
