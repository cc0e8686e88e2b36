/** Jobs and settlements as flat arrays: they cross the thread boundary in less than half the time of objects. */
import type {
  ClaimedJob,
  LeaseRef,
  NewJob,
  NewJobIdempotency,
  NewJobUnique,
  PushResult,
  Settlement,
  SettlementOutcome,
  SettleResult,
} from '../../contract/job.js'
import type { PriorityRank } from '../../core/state.js'
import { decodeTags, decodeTick, encodeTags } from './rows.js'

/** Raised whenever a message between the threads changes. */
export const WIRE_VERSION = 4

/** Jobs sent together mostly have one lane: they share this very array, which then crosses once and is compared by identity over there. */
export type LaneName = readonly [queue: string, kind: string, version: number]

export type WireJob = readonly [
  id: string,
  lane: LaneName,
  priority: number,
  payload: string,
  delayMs: number,
  runAt: number | null,
  maxAttempts: number,
  rare: RareFields | null,
]

/** What few jobs have. */
export interface RareFields {
  readonly giveUpAfterMs: number | null
  readonly startWithinMs: number | null
  readonly group: string | null
  readonly tags: string | null
  readonly parentId: string | null
  readonly tick: NewJob['tick']
  readonly idempotency: NewJobIdempotency | null
  readonly unique: NewJobUnique | null
}

const NO_RARE_FIELDS: RareFields = Object.freeze({
  giveUpAfterMs: null,
  startWithinMs: null,
  group: null,
  tags: null,
  parentId: null,
  tick: null,
  idempotency: null,
  unique: null,
})

/** Most jobs have no keys, no limits and nothing but a payload. They are written many at a time. */
export const isPlain = (job: WireJob): boolean => job[7] === null

export const rareFieldsOf = (job: WireJob): RareFields => job[7] ?? NO_RARE_FIELDS

export function encodeJobs(jobs: readonly NewJob[]): WireJob[] {
  let lane: LaneName | undefined
  return packed(jobs, (job) => {
    const { queue, kind, version } = job
    if (lane === undefined || lane[0] !== queue || lane[1] !== kind || lane[2] !== version) lane = [queue, kind, version]
    return [job.id, lane, job.priority, job.payload, job.delayMs, job.runAt, job.maxAttempts, encodeRareFields(job)]
  })
}

function encodeRareFields({ giveUpAfterMs, startWithinMs, group, tags, parentId, tick, idempotency, unique }: NewJob): RareFields | null {
  if ((giveUpAfterMs ?? startWithinMs ?? group ?? parentId ?? tick ?? idempotency ?? unique) === null && tags.length === 0) return null
  return { giveUpAfterMs, startWithinMs, group, tags: encodeTags(tags), parentId, tick, idempotency, unique }
}

/** How many jobs a call pushes. */
export const pushedBy = (name: string, args: readonly unknown[]): number => (name === 'push' ? (args[0] as readonly WireJob[]).length : 0)

/** Most pushes create: those are answered by null. */
export type WirePushResult = PushResult | null

/** Most batches are settled whole: those are answered by null. */
export type WireSettleResults = readonly SettleResult[] | null

export const decodeSettleResults = (results: WireSettleResults, settlements: readonly Settlement[]): readonly SettleResult[] =>
  results ?? settlements.map(() => 'settled')

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
    return [lease, result, retentionMs, enqueue.length === 0 ? null : encodeJobs(enqueue), null]
  }
  const { lease: _lease, ...outcome } = settlement
  return [lease, null, 0, null, outcome]
}

/** A claimed job as it stood in its rows before the claim. What few jobs have is one column, null for most: each costs where rows enter JavaScript. */
export type WireClaim = readonly [
  seq: number,
  id: string,
  payload: string,
  maxAttempts: number,
  createdAt: number,
  /** `RareColumns` as JSON. */
  rare: string | null,
  runAt: number,
  priority: number,
  lane: number,
]

/** Claims of one look: a list, or the list as JSON where each is plain. */
export type WireClaims = string | readonly WireClaim[]

export type RareColumns = readonly [
  token: number,
  attempt: number,
  crashCount: number,
  giveUpAt: number | null,
  deadline: number | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
]

const NO_RARE_COLUMNS: RareColumns = Object.freeze([0, 0, 0, null, null, null, null, null, null, null] as const)

export const rareColumnsOf = (rare: string | null): RareColumns => (rare === null ? NO_RARE_COLUMNS : (JSON.parse(rare) as RareColumns))

/**
 * A list for a message. V8 writes an array that has, or may have, holes key by key, at several times the cost; what `map` makes in optimized code
 * and the rows of the drivers are such arrays.
 */
export function packed<From, To>(items: readonly From[], convert: (item: From) => To): To[] {
  const list: To[] = []
  for (const item of items) list.push(convert(item))
  return list
}

export function decodeClaims(batches: readonly WireClaims[], lanes: readonly WireLane[], claimedAt: number, alone: boolean): ClaimedJob[] {
  const byId = new Map(lanes.map((lane) => [lane[0], lane]))
  const jobs: ClaimedJob[] = []
  for (const batch of batches) {
    const claims = typeof batch === 'string' ? (JSON.parse(batch) as readonly WireClaim[]) : batch
    for (const claim of claims) jobs.push(decodeClaim(claim, byId.get(claim[8]) as WireLane, claimedAt, alone))
  }
  return jobs
}

function decodeClaim(claim: WireClaim, lane: WireLane, claimedAt: number, alone: boolean): ClaimedJob {
  const [seq, jobId, payload, maxAttempts, createdAt, rare, runAt, priority] = claim
  const [token, attempt, crashCount, giveUpAt, , group, tags, parentId, tickSchedule, tickAt] = rareColumnsOf(rare)
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
