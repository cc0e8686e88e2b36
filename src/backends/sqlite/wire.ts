/** Jobs and settlements as flat arrays: they cross the thread boundary in less than half the time of objects. */
import type { ClaimedJob, LeaseRef, NewJob, NewJobIdempotency, NewJobUnique, PushResult, Settlement, SettlementOutcome } from '../../contract/job.js'
import type { PriorityRank } from '../../core/state.js'
import { decodeTags, decodeTick, encodeTags } from './rows.js'

export type WireJob = readonly [
  id: string,
  queue: string,
  kind: string,
  version: number,
  priority: number,
  payload: string,
  delayMs: number,
  runAt: number | null,
  maxAttempts: number,
  giveUpAfterMs: number | null,
  startWithinMs: number | null,
  group: string | null,
  tags: string | null,
  parentId: string | null,
  tickSchedule: string | null,
  tickInstant: number | null,
  idempotency: NewJobIdempotency | null,
  unique: NewJobUnique | null,
]

export const encodeJob = (job: NewJob): WireJob => [
  job.id,
  job.queue,
  job.kind,
  job.version,
  job.priority,
  job.payload,
  job.delayMs,
  job.runAt,
  job.maxAttempts,
  job.giveUpAfterMs,
  job.startWithinMs,
  job.group,
  encodeTags(job.tags),
  job.parentId,
  job.tick === null ? null : job.tick.schedule,
  job.tick === null ? null : job.tick.instant,
  job.idempotency,
  job.unique,
]

/** Most pushes create: those are answered by null. */
export type WirePushResult = PushResult | null

export const decodePushResults = (results: readonly WirePushResult[], ids: readonly string[]): PushResult[] =>
  results.map((result, index) => result ?? { status: 'created', id: ids[index] as string })

/** Where a lease's job stands, and the fence. No seq: a lease made by hand, whose job is found by its id. */
export type WireLease = readonly [seq: number | null, lane: number, id: string, token: number]

/** The handle of a claim: the job's number, which is never used twice, and its lane; with the id, so that it serves no other job. */
export type Handle = readonly [seq: number, lane: number, id: string]

export function encodeLease({ jobId, token, handle }: LeaseRef): WireLease {
  const [seq, lane, id]: readonly unknown[] = Array.isArray(handle) ? handle : []
  return typeof seq === 'number' && typeof lane === 'number' && id === jobId ? [seq, lane, jobId, token] : [null, 0, jobId, token]
}

/** `outcome` stands for everything but a completion, which is nearly all of them. */
export type WireSettlement = readonly [
  lease: WireLease,
  result: string | null,
  retentionMs: number,
  enqueue: readonly WireJob[] | null,
  outcome: Exclude<SettlementOutcome, { outcome: 'complete' }> | null,
]

export function encodeSettlement(settlement: Settlement): WireSettlement {
  const lease = encodeLease(settlement.lease)
  if (settlement.outcome === 'complete') {
    const { result, retentionMs, enqueue } = settlement
    return [lease, result, retentionMs, enqueue.length === 0 ? null : enqueue.map(encodeJob), null]
  }
  const { lease: _lease, ...outcome } = settlement
  return [lease, null, 0, null, outcome]
}

/** A claimed job as it stood in its rows before the claim. */
export type ClaimedRow = readonly [
  seq: number,
  token: number,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  createdAt: number,
  giveUpAt: number | null,
  deadline: number | null,
  id: string,
  payload: string,
  extras: string | null,
]
export type WireClaim = readonly [row: ClaimedRow, runAt: number, priority: number, lane: number]

type Extras = readonly [group: string | null, tags: string | null, parent: string | null, tickSchedule: string | null, tickAt: number | null]
const NO_EXTRAS: Extras = Object.freeze([null, null, null, null, null] as const)

export function decodeClaim([row, runAt, priority]: WireClaim, lane: WireLane, claimedAt: number, alone: boolean): ClaimedJob {
  const [seq, token, attempt, maxAttempts, crashCount, createdAt, giveUpAt, , jobId, payload, extras] = row
  const [group, tags, parentId, tickSchedule, tickAt] = extras === null ? NO_EXTRAS : (JSON.parse(extras) as Extras)
  return {
    jobId,
    token: token + 1,
    handle: [seq, lane[0], jobId] satisfies Handle,
    kind: lane[2],
    version: lane[3],
    queue: lane[1],
    priority: priority as PriorityRank,
    payload,
    attempt: attempt + 1,
    maxAttempts,
    crashCount,
    alone,
    createdAt,
    runAt,
    claimedAt,
    giveUpAt,
    group,
    tags: decodeTags(tags),
    parentId,
    tick: decodeTick(tickSchedule, tickAt),
  }
}

export type WireLane = readonly [id: number, queue: string, kind: string, version: number]
