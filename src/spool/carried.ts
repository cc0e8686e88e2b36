/** A spooled job as a backend accepts it: every duration has become an instant, counted from when the job was enqueued. */
import type { CarriedJob } from '../contract/transfer.js'
import type { SpooledJob } from './record.js'

export function carriedOf({ at, job }: SpooledJob): CarriedJob {
  const { id, kind, version, queue, priority, payload, maxAttempts, group, tags, unique, idempotency, parentId, tick } = job
  const debounceMs = unique?.debounceMs ?? null
  const runAt = debounceMs === null ? (job.runAt ?? at + job.delayMs) : at + debounceMs
  return {
    jobId: id,
    token: 0,
    handle: null,
    kind,
    version,
    queue,
    priority,
    payload,
    createdAt: at,
    runAt,
    claimedAt: null,
    attempt: 0,
    maxAttempts,
    crashCount: 0,
    retrying: false,
    holdReason: null,
    startBy: job.startWithinMs === null ? null : Math.max(at, runAt) + job.startWithinMs,
    giveUpAt: job.giveUpAfterMs === null ? null : at + job.giveUpAfterMs,
    group,
    tags,
    unique:
      unique === null ? null : { key: unique.key, scope: unique.scope, replaces: unique.whenTaken === 'replace', debounced: debounceMs !== null },
    idempotency:
      idempotency === null
        ? []
        : [{ kind, key: idempotency.key, payloadHash: idempotency.payloadHash, jobId: id, expiresAt: at + idempotency.ttlMs }],
    parentId,
    tick,
    failure: null,
    attempts: [],
    end: null,
  }
}
