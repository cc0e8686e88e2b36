/** Rows of jobs that are carried to another store, as the contract speaks of them. */
import type { AttemptRecord } from '../../contract/job.js'
import type { CarriedJob, StandingKey } from '../../contract/transfer.js'
import type { PriorityRank } from '../../core/state.js'
import { CANCELLED, COMPLETED, decodeFailure, decodeTags, decodeTick, FAILED, HELD } from './rows.js'
import type { Handle, WireLane } from './wire.js'
import { WORKER_ID_SQL } from './worker-numbers.js'

export const CARRIED_COLUMNS = `j.seq, d.id, j.lane, j.priority, j.state, j.run_at, j.token, j.attempt, j.max_attempts, j.crash_count, j.failed,
  j.created_at, j.claimed_at, j.finished_at, j.prune_at, j.give_up_at, j.start_by, ${WORKER_ID_SQL}, j.unique_key, j.unique_live, j.reason, d.job_group,
  d.tags, d.parent, d.tick_schedule, d.tick_at, d.failure, d.payload, r.result`
export const CARRIED_TABLES = 'kerja_jobs j CROSS JOIN kerja_payloads d ON d.seq = j.seq LEFT JOIN kerja_results r ON r.seq = j.seq'

export type CarriedRow = readonly [
  seq: number,
  id: string,
  lane: number,
  priority: number,
  state: number,
  runAt: number,
  token: number,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  failed: number,
  createdAt: number,
  claimedAt: number | null,
  finishedAt: number | null,
  pruneAt: number | null,
  giveUpAt: number | null,
  startBy: number | null,
  workerId: string | null,
  uniqueKey: string | null,
  uniqueLive: number | null,
  reason: string | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
  failure: string | null,
  payload: string,
  result: string | null,
]

interface Beside {
  readonly lane: WireLane
  /** It is taken: its token is one higher than the row says. */
  readonly taken: boolean
  readonly attempts: readonly AttemptRecord[]
  readonly keys: readonly StandingKey[]
}

export function carriedOf(row: CarriedRow, { lane, taken, attempts, keys }: Beside): CarriedJob {
  const [seq, id, laneId, priority, state, runAt, token, attempt, maxAttempts, crashCount, failed, createdAt, claimedAt] = row
  const uniqueKey = row[18]
  return {
    jobId: id,
    token: taken ? token + 1 : token,
    handle: [seq, laneId, id] satisfies Handle,
    kind: lane[2],
    version: lane[3],
    queue: lane[1],
    priority: priority as PriorityRank,
    payload: row[27],
    createdAt,
    runAt,
    claimedAt,
    attempt,
    maxAttempts,
    crashCount,
    retrying: failed === 1,
    holdReason: state === HELD ? 'invalid' : null,
    startBy: row[16],
    giveUpAt: row[15],
    group: row[21],
    tags: decodeTags(row[22]),
    unique: uniqueKey === null ? null : { key: uniqueKey, scope: row[19] === 1 ? 'live' : 'waiting' },
    idempotency: keys,
    parentId: row[23],
    tick: decodeTick(row[24], row[25]),
    failure: decodeFailure(row[26]),
    attempts,
    end: endOf(row),
  }
}

const END_STATES: Readonly<Record<number, NonNullable<CarriedJob['end']>['state']>> = Object.freeze({
  [COMPLETED]: 'completed',
  [CANCELLED]: 'cancelled',
  [FAILED]: 'failed',
})
/** The number in `state` of an ended job. */
export const ENDED_AS = Object.freeze({ completed: COMPLETED, cancelled: CANCELLED, failed: FAILED } as const)

function endOf(row: CarriedRow): CarriedJob['end'] {
  const state = END_STATES[row[4]]
  const [finishedAt, keepUntil] = [row[13], row[14]]
  if (state === undefined || finishedAt === null || keepUntil === null) return null
  return { state, reason: row[20], result: row[28], workerId: row[17], finishedAt, keepUntil }
}
