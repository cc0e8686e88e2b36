/** Rows of jobs that are carried to another store, as the contract speaks of them; and jobs of another store, as the SQL functions take them. */
import type { AttemptRecord } from '../../contract/job.js'
import type { CarriedJob, StandingKey } from '../../contract/transfer.js'
import type { PriorityRank } from '../../core/state.js'
import type { Lane } from './lanes.js'
import { type AttemptRow, attemptOf, CANCELLED, COMPLETED, decodeFailure, decodeTags, decodeTick, encodeTags, FAILED, HELD, READY } from './rows.js'
import type { Handle } from './settle.js'
import { decodeNullable, decodeText, encodeNullable, encodeText } from './text.js'

/** See `carried_1`. */
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
  failed: boolean,
  createdAt: number,
  claimedAt: number | null,
  finishedAt: number | null,
  pruneAt: number | null,
  giveUpAt: number | null,
  startBy: number | null,
  worker: string | null,
  keyed: number,
  uniqueKey: string | null,
  reason: string | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
  failure: string | null,
  payload: string,
  result: string | null,
  attempts: string | null,
  keys: string | null,
]

type Key = readonly [kind: string, key: string, payloadHash: string, expiresAt: number]

const LIVE = 2

export function carriedOf(row: CarriedRow, [, queue, kind, version]: Lane): CarriedJob {
  const [seq, jobId, , priority, state, runAt, token, attempt, maxAttempts, crashCount, retrying, createdAt, claimedAt] = row
  const uniqueKey = row[19]
  return {
    jobId,
    token,
    handle: [seq, jobId] satisfies Handle,
    kind,
    version,
    queue,
    priority: priority as PriorityRank,
    payload: decodeText(row[27]),
    createdAt,
    runAt,
    claimedAt,
    attempt,
    maxAttempts,
    crashCount,
    retrying,
    holdReason: state === HELD ? 'invalid' : null,
    startBy: row[16],
    giveUpAt: row[15],
    group: decodeNullable(row[21]),
    tags: decodeTags(row[22]),
    unique: uniqueKey === null ? null : { key: decodeText(uniqueKey), scope: row[18] === LIVE ? 'live' : 'waiting' },
    idempotency: keysOf(row[30], jobId),
    parentId: row[23],
    tick: decodeTick(row[24], row[25]),
    failure: decodeFailure(row[26]),
    attempts: attemptsOf(row[29]),
    end: endOf(row),
  }
}

const attemptsOf = (json: string | null): readonly AttemptRecord[] => (json === null ? [] : (JSON.parse(json) as AttemptRow[]).map(attemptOf))

const keysOf = (json: string | null, jobId: string): readonly StandingKey[] =>
  json === null
    ? []
    : (JSON.parse(json) as Key[]).map(([kind, key, payloadHash, expiresAt]) => ({
        kind,
        key: decodeText(key),
        payloadHash: decodeText(payloadHash),
        jobId,
        expiresAt,
      }))

const END_STATES: Readonly<Record<number, NonNullable<CarriedJob['end']>['state']>> = Object.freeze({
  [COMPLETED]: 'completed',
  [CANCELLED]: 'cancelled',
  [FAILED]: 'failed',
})
const ENDED_AS = Object.freeze({ completed: COMPLETED, cancelled: CANCELLED, failed: FAILED } as const)

function endOf(row: CarriedRow): CarriedJob['end'] {
  const state = END_STATES[row[4]]
  const [finishedAt, keepUntil] = [row[13], row[14]]
  if (state === undefined || finishedAt === null || keepUntil === null) return null
  return { state, reason: decodeNullable(row[20]), result: decodeNullable(row[28]), workerId: row[17], finishedAt, keepUntil }
}

const ceil = (at: number | null): number | null => (at === null ? null : Math.ceil(at))

/** See `given_1`; `replaces` and `debounced` are read by `accept_keyed_1`, from the JSON itself. */
export function givenOf(job: CarriedJob, lane: number): Readonly<Record<string, unknown>> {
  const { end, unique, tick, failure, attempts, idempotency } = job
  return {
    id: job.jobId,
    lane,
    priority: job.priority,
    state: end === null ? (job.holdReason === 'invalid' ? HELD : READY) : ENDED_AS[end.state],
    run_at: ceil(job.runAt),
    token: job.token,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    crash_count: job.crashCount,
    failed: job.retrying,
    created_at: ceil(job.createdAt),
    claimed_at: ceil(job.claimedAt),
    give_up_at: ceil(job.giveUpAt),
    start_by: ceil(job.startBy),
    keyed: unique === null ? 0 : unique.scope === 'live' ? LIVE : 1,
    replaces: unique?.replaces === true,
    debounced: unique?.debounced === true,
    kind: job.kind,
    unique_key: encodeNullable(unique?.key ?? null),
    job_group: encodeNullable(job.group),
    tags: encodeTags(job.tags),
    parent: job.parentId,
    tick_schedule: encodeNullable(tick?.schedule ?? null),
    tick_at: ceil(tick?.instant ?? null),
    failure: failure === null ? null : JSON.stringify(failure),
    payload: encodeText(job.payload),
    attempts: attempts.length === 0 ? null : attempts.map(attemptItem),
    keys:
      idempotency.length === 0
        ? null
        : idempotency.map(({ kind, key, payloadHash, expiresAt }) => [kind, encodeText(key), encodeText(payloadHash), ceil(expiresAt)]),
    ...(end === null ? {} : endItem(end)),
  }
}

const attemptItem = ({ attempt, token, workerId, startedAt, endedAt, outcome, failure }: AttemptRecord): AttemptRow => [
  attempt,
  token,
  workerId,
  Math.ceil(startedAt),
  Math.ceil(endedAt),
  outcome,
  failure === null ? null : JSON.stringify(failure),
]

const endItem = ({ reason, result, workerId, finishedAt, keepUntil }: NonNullable<CarriedJob['end']>): Readonly<Record<string, unknown>> => ({
  reason: encodeNullable(reason),
  result: encodeNullable(result),
  worker: workerId,
  finished_at: Math.ceil(finishedAt),
  prune_at: Math.ceil(keepUntil),
})
