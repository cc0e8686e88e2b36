/** A job as callers see it: computed afresh from the store's clock, sharing nothing that can change. */

import type { JobRecord } from '../../contract/index.js'
import type { HoldReason, JobState } from '../../core/state.js'
import { waitingState } from '../../core/state.js'
import type { Job } from './job.js'
import type { Store } from './store.js'
import { isLive } from './store.js'

export function stateOf(job: Job, now: number): JobState {
  return job.phase === 'waiting' ? waitingState({ runAt: job.runAt, attempt: job.attempt, failed: job.retrying }, now) : job.phase
}

/** Why a waiting job may not start, the reason closest to the job first. */
export function holdReasonOf(store: Store, job: Job, now: number): HoldReason | null {
  if (job.phase !== 'waiting') return null
  if (job.invalid) return 'invalid'
  if (store.pausedQueues.has(job.queue)) return 'paused'
  return isServed(store, job, now) ? null : 'no-worker'
}

function isServed(store: Store, job: Job, now: number): boolean {
  for (const worker of store.workers.values()) {
    const { queues, kinds } = worker.registration
    if (!isLive(worker, now) || !queues.includes(job.queue)) continue
    if (kinds.some((known) => known.kind === job.kind && known.version >= job.version)) return true
  }
  return false
}

export function recordOf(store: Store, job: Job, now: number): JobRecord {
  return {
    id: job.id,
    kind: job.kind,
    version: job.version,
    queue: job.queue,
    priority: job.priority,
    state: stateOf(job, now),
    holdReason: holdReasonOf(store, job, now),
    payload: job.payload,
    result: job.result,
    reason: job.reason,
    failure: job.failure,
    progress: job.progress,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashCount: job.crashCount,
    token: job.token,
    createdAt: job.createdAt,
    runAt: job.runAt,
    claimedAt: job.claimedAt,
    finishedAt: job.finishedAt,
    giveUpAt: job.giveUpAt,
    startBy: job.startBy,
    cancelRequested: job.cancelRequest !== null,
    group: job.group,
    tags: job.tags,
    uniqueKey: job.unique?.key ?? null,
    workerId: job.workerId,
    parentId: job.parentId,
    tick: job.tick,
  }
}
