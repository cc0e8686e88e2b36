/** How jobs stand in the tables: the state numbers, and rows back into records. */
import type { AttemptRecord, JobFailure, JobRecord } from '../../contract/job.js'
import { type HoldReason, type JobState, type PriorityRank, SUSPECT_CRASH_COUNT, waitingState } from '../../core/state.js'
import { decodeNullable, decodeText } from './text.js'

export const READY = 0
export const RUNNING = 1
export const COMPLETED = 2
export const CANCELLED = 3
export const FAILED = 4
/** Waiting, but only a claim for suspects may take it. */
export const SUSPECT = 5
/** Waiting, but its payload does not parse. */
export const HELD = 6

/** It waits apart. Stands after the name of a row, too. */
export const SUSPECT_AGAIN_SQL = `crash_count >= ${SUSPECT_CRASH_COUNT}`

export const isWaiting = (state: number): boolean => state === READY || state === SUSPECT || state === HELD

const BODY_COLUMNS = (row: string): string =>
  `${row}.unique_key, ${row}.job_group, ${row}.tags, ${row}.parent, ${row}.tick_schedule, ${row}.tick_at, ${row}.failure, ${row}.payload, p.fraction, p.message, p.at`

/** A live job: its body with the one place it has. Progress belongs to one claim: that of an earlier one does not show. */
export const liveRecords = (schema: string): { readonly columns: string; readonly tables: string } => ({
  columns: `j.id, coalesce(w.lane, r.lane), coalesce(w.priority, r.priority), coalesce(w.state, ${RUNNING}), coalesce(w.run_at, r.run_at),
    coalesce(w.token, r.token), coalesce(w.attempt, r.attempt), coalesce(w.max_attempts, r.max_attempts), coalesce(w.crash_count, r.crash_count),
    coalesce(w.failed, r.failed), j.created_at, coalesce(w.claimed_at, r.claimed_at), NULL::bigint, coalesce(w.give_up_at, r.give_up_at),
    coalesce(w.start_by, r.start_by), r.worker, r.cancel_reason IS NOT NULL, NULL::text, NULL::text, ${BODY_COLUMNS('j')}`,
  tables: `${schema}.jobs j LEFT JOIN ${schema}.waiting w ON w.seq = j.seq LEFT JOIN ${schema}.running r ON r.seq = j.seq
    LEFT JOIN ${schema}.progress p ON p.seq = j.seq AND p.token = coalesce(w.token, r.token)`,
})

export const endedRecords = (schema: string): { readonly columns: string; readonly tables: string } => ({
  columns: `h.id, h.lane, h.priority, h.state, h.run_at, h.token, h.attempt, h.max_attempts, h.crash_count, false, h.created_at, h.claimed_at,
    h.finished_at, h.give_up_at, h.start_by, h.worker, h.cancel_requested, h.reason, h.result, ${BODY_COLUMNS('h')}`,
  tables: `${schema}.history h LEFT JOIN ${schema}.progress p ON p.seq = h.seq AND p.token = h.token`,
})

export type RecordRow = readonly [
  id: string,
  lane: number,
  priority: number,
  state: number,
  runAt: number,
  token: number,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  failed: boolean,
  createdAt: number,
  claimedAt: number | null,
  finishedAt: number | null,
  giveUpAt: number | null,
  startBy: number | null,
  worker: string | null,
  cancelRequested: boolean,
  reason: string | null,
  result: string | null,
  uniqueKey: string | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
  failure: string | null,
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
  schedule === null || instant === null ? null : { schedule: decodeText(schedule), instant }

export function recordOf(row: RecordRow, lane: LaneFacts, now: number): JobRecord {
  const [id, , priority, state, runAt, token, attempt, maxAttempts, crashCount, failed, createdAt, claimedAt, finishedAt, giveUpAt, startBy] = row
  const [fraction, message, at] = [row[27], row[28], row[29]]
  return {
    id,
    kind: lane.kind,
    version: lane.version,
    queue: lane.queue,
    priority: priority as PriorityRank,
    state: stateOf(state, runAt, failed, now),
    holdReason: state === HELD ? 'invalid' : isWaiting(state) ? lane.holdReason : null,
    payload: decodeText(row[26]),
    result: decodeNullable(row[18]),
    reason: decodeNullable(row[17]),
    failure: decodeFailure(row[25]),
    progress: fraction === null || at === null ? null : { fraction, message: decodeNullable(message), at },
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
    cancelRequested: row[16],
    group: decodeNullable(row[20]),
    tags: decodeTags(row[21]),
    uniqueKey: decodeNullable(row[19]),
    workerId: row[15],
    parentId: row[22],
    tick: decodeTick(row[23], row[24]),
  }
}

export type AttemptRow = readonly [
  attempt: number,
  token: number,
  worker: string | null,
  startedAt: number,
  endedAt: number,
  outcome: AttemptRecord['outcome'],
  failure: string | null,
]

export const attemptOf = ([attempt, token, workerId, startedAt, endedAt, outcome, failure]: AttemptRow): AttemptRecord => ({
  attempt,
  token,
  workerId,
  startedAt,
  endedAt,
  outcome,
  failure: decodeFailure(failure),
})
