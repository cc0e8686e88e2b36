/** Ending claims: only the holder of the current token, and only once. */

import type { AttemptRecord, JobFailure, LeaseRef, Settlement, SettleResult } from '../../contract/index.js'
import type { Job } from './job.js'
import { pushJob } from './push.js'
import type { Store } from './store.js'
import { end, putBack, wake } from './store.js'

/** The job under this lease, or undefined when the lease is no longer the current one. The fence of every write. */
export function heldUnder(store: Store, lease: LeaseRef): Job | undefined {
  const job = store.jobs.get(lease.jobId)
  return job !== undefined && job.phase === 'running' && job.token === lease.token ? job : undefined
}

export function settleClaim(store: Store, settlement: Settlement, now: number): SettleResult {
  const job = heldUnder(store, settlement.lease)
  if (job === undefined) return 'lost'
  wake(store, 'changed')
  switch (settlement.outcome) {
    case 'complete':
      job.result = settlement.result
      end(store, job, now, { phase: 'completed', reason: null, retentionMs: settlement.retentionMs })
      for (const next of settlement.enqueue) pushJob(store, next, now)
      if (settlement.enqueue.length > 0) wake(store, 'available')
      return 'settled'
    case 'cancel':
      remember(job, 'cancel', null, now)
      end(store, job, now, { phase: 'cancelled', reason: settlement.reason, retentionMs: settlement.retentionMs })
      return 'settled'
    case 'fail':
      if (settlement.crashed) job.crashCount += 1
      remember(job, settlement.crashed ? 'crash' : 'fail', settlement.failure, now)
      end(store, job, now, { phase: 'failed', reason: settlement.reason, retentionMs: settlement.retentionMs })
      return 'settled'
    case 'retry':
      remember(job, 'retry', settlement.failure, now)
      job.retrying = true
      job.runAt = now + settlement.delayMs
      return waitAgain(store, job, now)
    case 'snooze':
      job.attempt -= 1
      job.runAt = now + settlement.delayMs
      return waitAgain(store, job, now)
    case 'release':
      job.attempt -= 1
      return waitAgain(store, job, now)
    case 'crash':
      remember(job, 'crash', settlement.failure, now)
      job.crashCount += 1
      if (!settlement.burn) job.attempt -= 1
      return waitAgain(store, job, now)
    case 'hold':
      remember(job, 'hold', settlement.failure, now)
      job.attempt -= 1
      job.invalid = true
      return waitAgain(store, job, now)
  }
}

function waitAgain(store: Store, job: Job, now: number): SettleResult {
  const where = putBack(store, job, now)
  if (where === 'waiting') wake(store, 'available')
  return where === 'superseded' ? 'superseded' : 'settled'
}

function remember(job: Job, outcome: AttemptRecord['outcome'], failure: JobFailure | null, now: number): void {
  if (failure !== null) job.failure = Object.freeze({ ...failure })
  job.attempts.push(
    Object.freeze({
      attempt: job.attempt,
      token: job.token,
      workerId: job.workerId,
      startedAt: job.claimedAt ?? now,
      endedAt: now,
      outcome,
      failure: failure === null ? null : job.failure,
    }),
  )
}
