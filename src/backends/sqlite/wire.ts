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

/** `outcome` stands for everything but a completion, which is nearly all of them. */
export type WireSettlement = readonly [
  seq: number | null,
  id: string,
  token: number,
  result: string | null,
  retentionMs: number,
  enqueue: readonly WireJob[] | null,
  outcome: Exclude<SettlementOutcome, { outcome: 'complete' }> | null,
]

export function encodeSettlement(settlement: Settlement): WireSettlement {
  const [seq, id, token] = encodeLease(settlement.lease)
  if (settlement.outcome === 'complete') {
    const { result, retentionMs, enqueue } = settlement
    return [seq, id, token, result, retentionMs, enqueue.length === 0 ? null : enqueue.map(encodeJob), null]
  }
  const { lease: _lease, ...outcome } = settlement
  return [seq, id, token, null, 0, null, outcome]
}

export type WireLease = readonly [seq: number | null, id: string, token: number]

/** The handle is the row number. A lease made by hand has none: it is found by its id. */
export const encodeLease = (lease: LeaseRef): WireLease => [typeof lease.handle === 'number' ? lease.handle : null, lease.jobId, lease.token]

/** What a claim answers per job: the lane's part once, the rest as it stands in the row. */
export type WireClaim = readonly [
  seq: number,
  id: string,
  token: number,
  priority: number,
  attempt: number,
  maxAttempts: number,
  crashCount: number,
  alone: number,
  createdAt: number,
  runAt: number,
  giveUpAt: number | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
  payload: string,
  lane: number,
]

export function decodeClaim(row: WireClaim, lanes: readonly WireLane[], claimedAt: number): ClaimedJob {
  const lane = lanes.find(([id]) => id === row[17]) as WireLane
  return {
    jobId: row[1],
    token: row[2],
    handle: row[0],
    kind: lane[2],
    version: lane[3],
    queue: lane[1],
    priority: row[3] as PriorityRank,
    payload: row[16],
    attempt: row[4],
    maxAttempts: row[5],
    crashCount: row[6],
    alone: row[7] === 1,
    createdAt: row[8],
    runAt: row[9],
    claimedAt,
    giveUpAt: row[10],
    group: row[11],
    tags: decodeTags(row[12]),
    parentId: row[13],
    tick: decodeTick(row[14], row[15]),
  }
}

export type WireLane = readonly [id: number, queue: string, kind: string, version: number]
