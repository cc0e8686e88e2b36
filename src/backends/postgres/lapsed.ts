/** Leases that no longer hold: their worker is dead or unknown, or their time is over. */
import type { LapsedLease, Queue } from '../../contract/backend.js'
import type { Lanes } from './lanes.js'
import type { Session } from './session.js'
import type { Handle } from './settle.js'

type Row = readonly [
  seq: number,
  id: string,
  token: number,
  lane: number,
  worker: string,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  alone: boolean,
  forwarding: boolean,
  claimedAt: number,
  giveUpAt: number | null,
  dead: boolean,
  now: number,
]

export function createLapsed(session: Session, lanes: Lanes): Queue['lapsed'] {
  const { schema } = session
  const sql = `SELECT r.seq, r.id, r.token, r.lane, r.worker, r.attempt, r.max_attempts, r.crash_count, r.alone, r.forwarding > 0,
      coalesce(r.claimed_at, n.now), r.give_up_at,
      w.id IS NULL OR w.died_at IS NOT NULL, n.now
    FROM ${schema}.now_1($1) AS n(now), ${schema}.running r LEFT JOIN ${schema}.workers w ON w.id = r.worker
    WHERE w.id IS NULL OR w.died_at IS NOT NULL OR r.lease_until <= n.now LIMIT $2`
  return async ({ limit }) => {
    const rows = await session.query<Row>(sql, [session.now(), limit])
    await lanes.know(rows.map((row) => row[3]))
    return rows.map(
      ([seq, jobId, token, lane, workerId, attempt, maxAttempts, crashCount, alone, forwarding, claimedAt, giveUpAt, dead, now]): LapsedLease => {
        const [, queue, kind] = lanes.find(lane)
        const handle: Handle = [seq, jobId]
        const cause = dead ? 'death' : 'timeout'
        return { jobId, token, handle, kind, queue, cause, workerId, attempt, maxAttempts, crashCount, alone, forwarding, claimedAt, giveUpAt, now }
      },
    )
  }
}
