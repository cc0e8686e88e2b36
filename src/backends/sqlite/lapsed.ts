/** Leases that no longer hold: their worker is dead or unknown, or their time is over. */
import type { LapsedLease } from '../../contract/backend.js'
import type { StoreContext } from './context.js'
import { ALONE, FORWARDED, RUNNING } from './rows.js'
import type { Handle } from './wire.js'
import { WORKER_ID_SQL } from './worker-numbers.js'

type Row = readonly [
  seq: number,
  id: string,
  token: number,
  lane: number,
  workerId: string,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  alone: number,
  claimedAt: number | null,
  giveUpAt: number | null,
  dead: number,
]

export function createLapsed({ connection, lanes, now }: StoreContext): (limit: number) => LapsedLease[] {
  const lapsed = connection.prepare<Row>(
    `SELECT j.seq, d.id, j.token, j.lane, ${WORKER_ID_SQL}, j.attempt, j.max_attempts, j.crash_count, j.alone, j.claimed_at, j.give_up_at,
      w.id IS NULL OR w.died_at IS NOT NULL FROM kerja_jobs j INDEXED BY kerja_jobs_running
      JOIN kerja_payloads d ON d.seq = j.seq LEFT JOIN kerja_workers w ON w.number = j.worker
      WHERE j.state = ${RUNNING} AND (w.id IS NULL OR w.died_at IS NOT NULL OR j.lease_until <= ?) LIMIT ?`,
  )
  return (limit) =>
    lapsed.rows(now(), limit).map(([seq, jobId, token, lane, workerId, attempt, maxAttempts, crashCount, alone, claimedAt, giveUpAt, dead]) => {
      const [, queue, kind] = lanes.find(lane)
      const cause = dead === 1 ? 'death' : 'timeout'
      return {
        jobId,
        token,
        handle: [seq, lane, jobId] satisfies Handle,
        kind,
        queue,
        cause,
        workerId,
        attempt,
        maxAttempts,
        crashCount,
        alone: alone === ALONE,
        forwarding: alone >= FORWARDED,
        claimedAt: claimedAt ?? now(),
        giveUpAt,
        now: now(),
      }
    })
}
