/** What becomes of a pushed job: same id, then idempotency key, then unique key, then a new job. */

import type { NewJob, NewJobUnique, PushResult } from '../../contract/index.js'
import type { Job } from './job.js'
import type { Store } from './store.js'
import { holderOf, keyOf, place } from './store.js'

export function pushJob(store: Store, job: NewJob, now: number): PushResult {
  if (store.jobs.has(job.id)) return { status: 'duplicate', id: job.id }
  const standing = standingFor(store, job, now)
  if (standing !== null) return standing
  const result = job.unique === null ? create(store, job, now) : pushUnique(store, job, job.unique, now)
  if (job.idempotency !== null && result.status !== 'conflict') {
    const { key, payloadHash, ttlMs } = job.idempotency
    store.idempotency.set(keyOf(job.kind, key), { jobId: result.id, payloadHash, expiresAt: now + ttlMs })
  }
  return result
}

/** The answer when the idempotency key was used before and has not run out. */
function standingFor(store: Store, job: NewJob, now: number): PushResult | null {
  if (job.idempotency === null) return null
  const key = store.idempotency.get(keyOf(job.kind, job.idempotency.key))
  if (key === undefined || key.expiresAt <= now) return null
  if (key.payloadHash !== job.idempotency.payloadHash) return { status: 'conflict', on: 'idempotency', id: key.jobId }
  return { status: 'duplicate', id: key.jobId }
}

function pushUnique(store: Store, job: NewJob, unique: NewJobUnique, now: number): PushResult {
  const holder = holderOf(store, job.kind, unique.key)
  if (holder === undefined) return create(store, job, now)
  if (unique.whenTaken === 'reject') return { status: 'conflict', on: 'unique', id: holder.id }
  // A running holder keeps what it runs with: only a waiting job can be moved or replaced.
  if (holder.phase !== 'waiting') return { status: 'duplicate', id: holder.id }
  if (unique.whenTaken === 'replace') {
    holder.payload = job.payload
    holder.version = job.version
    holder.priority = job.priority
    holder.invalid = false
    move(store, holder, job, now)
    return { status: 'replaced', id: holder.id }
  }
  if (unique.debounceMs !== null) move(store, holder, job, now)
  return { status: 'duplicate', id: holder.id }
}

/** Gives the waiting job the run time that `job` asks for, and the start limit that goes with it. */
function move(store: Store, holder: Job, job: NewJob, now: number): void {
  holder.runAt = runAtOf(job, now)
  holder.startBy = startByOf(job, now)
  place(store, holder)
}

function runAtOf(job: NewJob, now: number): number {
  const debounceMs = job.unique?.debounceMs ?? null
  if (debounceMs !== null) return now + debounceMs
  return job.runAt ?? now + job.delayMs
}

const startByOf = (job: NewJob, now: number): number | null =>
  job.startWithinMs === null ? null : Math.max(now, runAtOf(job, now)) + job.startWithinMs

function create(store: Store, job: NewJob, now: number): PushResult {
  const row: Job = {
    id: job.id,
    kind: job.kind,
    queue: job.queue,
    sequence: ++store.lastSequence,
    createdAt: now,
    group: job.group,
    parentId: job.parentId,
    tick: job.tick === null ? null : Object.freeze({ ...job.tick }),
    unique: job.unique === null ? null : { key: job.unique.key, scope: job.unique.scope },
    version: job.version,
    priority: job.priority,
    payload: job.payload,
    tags: Object.freeze([...job.tags]),
    maxAttempts: job.maxAttempts,
    runAt: runAtOf(job, now),
    startBy: startByOf(job, now),
    giveUpAt: job.giveUpAfterMs === null ? null : now + job.giveUpAfterMs,
    phase: 'waiting',
    place: 0,
    token: 0,
    attempt: 0,
    crashCount: 0,
    retrying: false,
    invalid: false,
    alone: false,
    forwarding: false,
    workerId: null,
    claimedAt: null,
    leaseEndsAt: null,
    cancelRequest: null,
    result: null,
    reason: null,
    failure: null,
    progress: null,
    finishedAt: null,
    keepUntil: null,
    attempts: [],
    lines: [],
    lineCount: 0,
  }
  store.jobs.set(row.id, row)
  place(store, row)
  return { status: 'created', id: row.id }
}
