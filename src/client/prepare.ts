/**
 * Turns a job, its payload and its options into what a backend stores. This is the producer's hot path: it is synchronous whenever the
 * schema is, and makes one object.
 *
 * The payload is checked first and encoded as the caller gave it (the schema's input); key functions get the schema's output.
 */
import { createHash } from 'node:crypto'
import type { NewJob, NewJobUnique } from '../contract/job.js'
import { encode } from '../core/codec.js'
import { deriveId } from '../core/derive-id.js'
import { checkKey } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import type { AnyJob, EnqueueOptions } from '../define/job.js'
import { outputOf, runSchema, type Subject } from '../define/validate.js'
import { KerjaError, quote } from '../errors.js'
import { checkJob, type ResolvedEnqueueOptions, resolveEnqueueOptions } from './options.js'

/** The run whose handler enqueues: its jobs get ids derived from it, so that a rerun enqueues the same ones. */
export interface JobOrigin {
  readonly parentId: string
  readonly parentCreatedAt: number
  /** How often this parent's run has asked for this kind and payload before: two equal requests are two jobs, a rerun's are the same two. */
  readonly occurrences: Map<string, number>
}

/** One job as it is asked for. */
export interface PrepareRequest {
  readonly job: AnyJob
  readonly payload: unknown
  readonly options?: EnqueueOptions | undefined
  readonly origin?: JobOrigin | undefined
}

export interface Preparer {
  /**
   * At once when the schema validates synchronously. The payload is read before this returns: changing it later changes nothing.
   * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {PAYLOAD_INVALID} {PAYLOAD_LOSSY} {PAYLOAD_TOO_LARGE} {PAYLOAD_TOO_DEEP}
   */
  prepare(request: PrepareRequest): NewJob | Promise<NewJob>
  /** The same, for schemas that validate synchronously only. @throws {PAYLOAD_INVALID} when the schema is asynchronous */
  prepareSync(request: PrepareRequest): NewJob
}

interface CheckedRequest {
  readonly job: AnyJob
  /** What the schema made of the payload. */
  readonly output: unknown
  /** The encoded payload. */
  readonly text: string
  readonly resolved: ResolvedEnqueueOptions
  readonly origin: JobOrigin | undefined
  readonly id: string
}

export function createPreparer(createId: () => string): Preparer {
  const finish = ({ job, output, text, resolved, origin, id }: CheckedRequest): NewJob => ({
    id,
    kind: job.kind,
    version: job.version,
    queue: resolved.queue,
    priority: resolved.priority,
    payload: text,
    delayMs: resolved.delayMs,
    runAt: resolved.runAt,
    maxAttempts: resolved.maxAttempts,
    giveUpAfterMs: resolved.giveUpAfterMs,
    startWithinMs: resolved.startWithinMs,
    group: resolved.group ?? (job.options.group === null ? null : keyFrom(job, 'group', job.options.group, output)),
    tags: resolved.tags,
    idempotency:
      resolved.idempotencyKey === null ? null : { key: resolved.idempotencyKey, payloadHash: hashOf(text), ttlMs: DEFAULTS.enqueue.idempotencyTtlMs },
    unique: job.options.unique === null ? null : uniqueFrom(job, output),
    parentId: origin === undefined ? null : origin.parentId,
    tick: null,
  })

  const idFor = ({ job, origin }: PrepareRequest, text: string, resolved: ResolvedEnqueueOptions): string =>
    resolved.id ?? (origin === undefined ? createId() : childId(job, text, origin))

  const prepare: Preparer['prepare'] = (request) => {
    const { job, payload, options, origin } = request
    checkJob(job)
    const resolved = resolveEnqueueOptions(job, options)
    const subject: Subject = { kind: job.kind, what: 'payload', code: 'PAYLOAD_INVALID' }
    const answer = runSchema(job.payload, payload, subject)
    if (!(answer instanceof Promise)) {
      const output = outputOf(answer, subject)
      const text = encode(payload, DEFAULTS.payload)
      return finish({ job, output, text, resolved, origin, id: idFor(request, text, resolved) })
    }
    // If encoding throws, nobody will await the schema's answer.
    answer.catch(() => undefined)
    const text = encode(payload, DEFAULTS.payload)
    const id = idFor(request, text, resolved)
    return answer.then((later) => finish({ job, output: outputOf(later, subject), text, resolved, origin, id }))
  }

  return {
    prepare,
    prepareSync: (request) => {
      const prepared = prepare(request)
      if (!(prepared instanceof Promise)) return prepared
      prepared.catch(() => undefined)
      throw new KerjaError(
        'PAYLOAD_INVALID',
        `The schema of ${request.job.kind} validates asynchronously, which enqueueSync cannot await. Use \`await kerja.enqueue(…)\`.`,
        { details: { kind: request.job.kind } },
      )
    },
  }
}

function uniqueFrom(job: AnyJob, output: unknown): NewJobUnique | null {
  const { unique } = job.options
  if (unique === null) return null
  return { key: keyFrom(job, 'unique.key', unique.key, output), scope: unique.scope, whenTaken: unique.whenTaken, debounceMs: unique.debounceMs }
}

function keyFrom(job: AnyJob, option: string, keyOf: (output: unknown) => string, output: unknown): string {
  let key: unknown
  try {
    key = keyOf(output)
  } catch (error) {
    throw new KerjaError(
      'PAYLOAD_INVALID',
      `${option} of ${job.kind} threw on this payload: ${error instanceof Error ? error.message : quote(error)}`,
      { cause: error, details: { kind: job.kind, option } },
    )
  }
  return checkKey(key, `What ${option} of ${job.kind} returns`)
}

export const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest()
const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

function childId(job: AnyJob, text: string, origin: JobOrigin): string {
  const request = `${job.kind} ${hashOf(text)}`
  const occurrence = origin.occurrences.get(request) ?? 0
  origin.occurrences.set(request, occurrence + 1)
  return deriveId(sha256, origin.parentCreatedAt, 'child', origin.parentId, request, String(occurrence))
}
