/** A job that was enqueued and that no store has decided about yet: as a spool keeps it and a broker carries it. */
import { isUuid } from '../core/id.js'
import type { NewJob } from './job.js'
import type { CarriedJob } from './transfer.js'

export interface Envelope {
  /** When it was enqueued, in epoch ms, by the clock of who did. */
  readonly at: number
  readonly job: NewJob
}

/** Null for what is no job: written by hand, or by another version. */
export function parseEnvelope(text: string): Envelope | null {
  try {
    return envelopeOf(JSON.parse(text))
  } catch {
    // Sound bytes that are no JSON were written by somebody else.
    return null
  }
}

/** The same of what was parsed already. */
export function envelopeOf(parsed: unknown): Envelope | null {
  const value = parsed as Partial<Envelope> | null
  const job = value?.job
  if (typeof value?.at !== 'number' || typeof job !== 'object' || job === null) return null
  return isUuid(job.id) && FIELDS.every(([name, isSound]) => isSound(job[name])) ? { at: value.at, job } : null
}

/** As `Transfer.accept` takes it: every duration has become an instant, counted from when the job was enqueued. */
export function carriedOf({ at, job }: Envelope): CarriedJob {
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

type IsSound = (value: unknown) => boolean
const isText: IsSound = (value) => typeof value === 'string'
const isNumber: IsSound = (value) => typeof value === 'number'
const orNull =
  (isSound: IsSound): IsSound =>
  (value) =>
    value === null || isSound(value)
const isObject: IsSound = (value) => typeof value === 'object'
/** What makes a job of an object: all that is done with it before a backend looks at it works. */
const FIELDS: readonly (readonly [keyof NewJob, IsSound])[] = [
  ['kind', isText],
  ['version', isNumber],
  ['queue', isText],
  ['priority', isNumber],
  ['payload', isText],
  ['delayMs', isNumber],
  ['runAt', orNull(isNumber)],
  ['maxAttempts', isNumber],
  ['giveUpAfterMs', orNull(isNumber)],
  ['startWithinMs', orNull(isNumber)],
  ['group', orNull(isText)],
  ['tags', Array.isArray],
  ['idempotency', isObject],
  ['unique', isObject],
  ['parentId', orNull(isText)],
  ['tick', isObject],
]
