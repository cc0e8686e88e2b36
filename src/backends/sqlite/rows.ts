/** How jobs stand in `kerja_jobs`: the state numbers, and rows back into records. */
import type { JobFailure, JobRecord } from '../../contract/job.js'
import { type HoldReason, type JobState, type PriorityRank, SUSPECT_CRASH_COUNT, waitingState } from '../../core/state.js'
import { WORKER_ID_SQL } from './worker-numbers.js'

export const READY = 0
export const RUNNING = 1
export const COMPLETED = 2
export const CANCELLED = 3
export const FAILED = 4
/** Waiting, but only a claim for suspects may take it. */
export const SUSPECT = 5
/** Waiting, but its payload does not parse. */
export const HELD = 6

/** How a running job was claimed, in `alone`: 0 like most; 1 it runs with no neighbour; 2 and 3 it is carried to another store, 3 one that was held. */
export const ALONE = 1
export const FORWARDED = 2
export const FORWARDED_HELD = 3

/** The three numbers of a waiting job, as the partial indexes spell them. */
export const WAITING_SQL = 'state IN (0, 5, 6)'
/** The three numbers of a job that has ended. */
export const ENDED_SQL = 'state IN (2, 3, 4)'
/** The jobs that hold their unique key, as `kerja_jobs_unique` spells it. */
export const HOLDING_SQL = 'unique_key IS NOT NULL AND (state IN (0, 5, 6) OR (state = 1 AND unique_live = 1))'
/** Where a job waits again: suspects apart. */
export const WAITING_AGAIN_SQL = `CASE WHEN crash_count >= ${SUSPECT_CRASH_COUNT} THEN ${SUSPECT} ELSE ${READY} END`

/** The fence of every write: a row number is never used twice, and this token is current only while its claim lasts. */
export const HELD_UNDER_SQL = `seq = ? AND token = ? AND state = ${RUNNING}`

export const isWaiting = (state: number): boolean => state === READY || state === SUSPECT || state === HELD

export const RECORD_COLUMNS = `j.seq, d.id, j.lane, j.priority, j.state, j.run_at, j.token, j.attempt, j.max_attempts, j.crash_count, j.failed,
  j.created_at, j.claimed_at, j.finished_at, j.give_up_at, j.start_by, ${WORKER_ID_SQL}, j.unique_key, d.job_group, d.tags, d.parent, d.tick_schedule,
  d.tick_at, j.cancel_reason, j.reason, d.failure, r.result, d.payload, p.fraction, p.message, p.at`
/** Progress belongs to one claim: that of an earlier one does not show. */
export const RECORD_TABLES = `kerja_jobs j JOIN kerja_payloads d ON d.seq = j.seq LEFT JOIN kerja_results r ON r.seq = j.seq
  LEFT JOIN kerja_progress p ON p.job = j.seq AND p.token = j.token`

export type RecordRow = readonly [
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
  giveUpAt: number | null,
  startBy: number | null,
  workerId: string | null,
  uniqueKey: string | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
  cancelReason: string | null,
  reason: string | null,
  failure: string | null,
  result: string | null,
  payload: string,
  progressFraction: number | null,
  progressMessage: string | null,
  progressAt: number | null,
]

export interface LaneFacts {
  readonly queue: string
  readonly kind: string
  readonly version: number
  /** Why a ready job of this lane may not start now. */
  readonly holdReason: HoldReason | null
}

export function stateOf(state: number, runAt: number, failed: boolean, now: number): JobState {
  if (state === RUNNING) return 'running'
  if (state === COMPLETED) return 'completed'
  if (state === CANCELLED) return 'cancelled'
  if (state === FAILED) return 'failed'
  return waitingState({ runAt, attempt: 0, failed }, now)
}

const NO_TAGS: readonly string[] = Object.freeze([])
export const encodeTags = (tags: readonly string[]): string | null => (tags.length === 0 ? null : JSON.stringify(tags))
export const decodeTags = (tags: string | null): readonly string[] => (tags === null ? NO_TAGS : (JSON.parse(tags) as string[]))
export const decodeFailure = (failure: string | null): JobFailure | null => (failure === null ? null : (JSON.parse(failure) as JobFailure))
export const decodeTick = (schedule: string | null, instant: number | null): JobRecord['tick'] =>
  schedule === null || instant === null ? null : { schedule, instant }

export function recordOf(row: RecordRow, lane: LaneFacts, now: number): JobRecord {
  const [, id, , priority, state, runAt, token, attempt, maxAttempts, crashCount, failed, createdAt, claimedAt, finishedAt, giveUpAt, startBy] = row
  const [fraction, message, at] = [row[28], row[29], row[30]]
  return {
    id,
    kind: lane.kind,
    version: lane.version,
    queue: lane.queue,
    priority: priority as PriorityRank,
    state: stateOf(state, runAt, failed === 1, now),
    holdReason: state === HELD ? 'invalid' : isWaiting(state) ? lane.holdReason : null,
    payload: row[27],
    result: row[26],
    reason: row[24],
    failure: decodeFailure(row[25]),
    progress: fraction === null || at === null ? null : { fraction, message, at },
    attempt,
    maxAttempts,
    crashCount,
    token,
    createdAt,
    runAt,
    claimedAt,
    finishedAt,
    giveUpAt,
    startBy,
    cancelRequested: row[23] !== null,
    group: row[18],
    tags: decodeTags(row[19]),
    uniqueKey: row[17],
    workerId: row[16],
    parentId: row[20],
    tick: decodeTick(row[21], row[22]),
  }
}
