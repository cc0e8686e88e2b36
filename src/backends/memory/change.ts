/** What people do to jobs: cancel, retry, remove, update. */

import type { ChangeResult, JobChanges } from '../../contract/index.js'
import { SUSPECT_CRASH_COUNT } from '../../core/state.js'
import type { Job } from './job.js'
import type { Store } from './store.js'
import { end, forget, holderOf, place, wake } from './store.js'

export function cancelJob(store: Store, id: string, request: { readonly reason: string; readonly retentionMs: number }, now: number): ChangeResult {
  const job = store.jobs.get(id)
  if (job === undefined) return 'unknown'
  if (job.phase === 'running') {
    // The first request stands: its reason is the one the job ends with.
    job.cancelRequest ??= { reason: request.reason, retentionMs: request.retentionMs }
    return 'requested'
  }
  if (job.phase !== 'waiting') return 'unchanged'
  end(store, job, now, { phase: 'cancelled', reason: request.reason, retentionMs: request.retentionMs })
  wake(store, 'changed')
  return 'changed'
}

export function retryJob(store: Store, id: string, now: number): ChangeResult {
  const job = store.jobs.get(id)
  if (job === undefined) return 'unknown'
  if (job.phase === 'running' || job.phase === 'completed') return 'unchanged'
  const holder = job.unique === null ? undefined : holderOf(store, job.kind, job.unique.key)
  if (holder !== undefined && holder !== job) return 'conflict'
  job.runAt = now
  job.attempt = 0
  // A suspect stays one, with all of its lonely tries before it: whoever retries it may be wrong about the cure.
  job.crashCount = Math.min(job.crashCount, SUSPECT_CRASH_COUNT)
  job.retrying = false
  job.invalid = false
  job.cancelRequest = null
  job.reason = null
  job.finishedAt = null
  job.keepUntil = null
  job.workerId = null
  // Limits counted from the push have no meaning for a job that somebody wants to run now.
  job.startBy = null
  job.giveUpAt = null
  place(store, job)
  wake(store, 'available')
  wake(store, 'changed')
  return 'changed'
}

export function removeJob(store: Store, id: string): ChangeResult {
  const job = store.jobs.get(id)
  if (job === undefined) return 'unknown'
  if (job.phase === 'running') return 'unchanged'
  forget(store, job)
  wake(store, 'changed')
  return 'changed'
}

export function updateJob(store: Store, id: string, changes: JobChanges, now: number): ChangeResult {
  const job = store.jobs.get(id)
  if (job === undefined) return 'unknown'
  if (job.phase !== 'waiting') return 'unchanged'
  // A new payload is a new chance to parse.
  if (changes.payload !== undefined || changes.version !== undefined) job.invalid = false
  job.payload = changes.payload ?? job.payload
  job.version = changes.version ?? job.version
  job.priority = changes.priority ?? job.priority
  job.maxAttempts = changes.maxAttempts ?? job.maxAttempts
  if (changes.tags !== undefined) job.tags = Object.freeze([...changes.tags])
  const runAt = changes.runAt ?? (changes.delayMs === undefined ? undefined : now + changes.delayMs)
  if (runAt !== undefined) moveTo(job, runAt)
  place(store, job)
  wake(store, 'available')
  wake(store, 'changed')
  return 'changed'
}

/** The start limit counts from the run time, so it moves along. */
function moveTo(job: Job, runAt: number): void {
  if (job.startBy !== null) job.startBy += Math.max(job.createdAt, runAt) - Math.max(job.createdAt, job.runAt)
  job.runAt = runAt
}
