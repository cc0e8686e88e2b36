/**
 * Every error Kerja throws. Identity is the `code`, never the message. A message says what happened, the value received and what to do.
 * docs/errors.md lists each code with its remedy; a test holds the two together.
 */

/** Code → what it means. Retired codes are never used again. */
export const ERROR_CODES = Object.freeze({
  OPTION_UNKNOWN: 'An option name is not known here.',
  OPTION_INVALID: 'An option has a value outside its type or range.',
  BACKEND_REQUIRED: 'No backend was named where one must be (production).',
  BACKEND_UNKNOWN: 'The backend URL has a scheme Kerja does not know.',
  BACKEND_UNAVAILABLE: 'The backend cannot be reached or written to now.',
  BACKEND_CLOSED: 'The backend or the Kerja instance was closed.',
  UNSUPPORTED: 'The backend cannot do this; its capabilities say so.',
  DRIVER_MISSING: 'No usable client library for this backend is installed.',
  DRIVER_UNSAFE: 'The installed client library has a known data-corrupting defect.',
  STORE_LOCKED: 'Another connection holds the write lock for too long.',
  STORE_FULL: 'The disk (or the size limit) of the store is full.',
  STORE_CORRUPT: 'The store is damaged, was changed by hand, or is no database.',
  STORE_READ_ONLY: 'The store file or its folder cannot be written.',
  STORE_NETWORK_FILESYSTEM: 'The store file lies on a network filesystem, where SQLite WAL loses data.',
  STORE_DENIED: 'The identity that Kerja has at the backend lacks a right that Kerja needs, or is not accepted.',
  STORE_MISMATCH: 'Something that Kerja needs in the backend was made there, but otherwise than Kerja needs it.',
  STORE_VERSION: 'The store was migrated by a newer version of Kerja.',
  VALUE_REFUSED: 'The store cannot hold a value of this call.',
  TRANSACTION_INVALID: 'The value given as `tx` is not an open transaction on the backend’s own database.',
  PAYLOAD_INVALID: 'The payload does not match the schema of its job.',
  PAYLOAD_LOSSY: 'The payload holds a value that JSON with tags cannot carry without loss.',
  PAYLOAD_TOO_LARGE: 'The encoded payload is over the size limit.',
  PAYLOAD_TOO_DEEP: 'The payload is nested deeper than the limit.',
  PAYLOAD_CORRUPT: 'Stored bytes are not a payload this version can decode.',
  PAYLOAD_VERSION: 'The payload has a version the definition cannot upgrade from.',
  RESULT_INVALID: 'The handler’s result does not match the schema, or cannot be stored.',
  IDEMPOTENCY_CONFLICT: 'The idempotency key was used before with a different payload.',
  UNIQUE_CONFLICT: 'The unique key is taken and the job says `whenTaken: "reject"`.',
  ENQUEUE_TIMEOUT: 'The backend did not answer within `enqueueTimeout`; whether the job was stored is unknown.',
  ENQUEUE_OVERLOAD: 'Too many jobs of this process already wait for the backend; this one was not stored.',
  SPOOL_FULL: 'The backend is away and the spool has no room; the job was not stored.',
  SPOOL_UNAVAILABLE: 'The spool folder cannot be used.',
  JOB_NOT_FOUND: 'No job has this id (or retention has removed it).',
  JOB_STATE: 'The job’s state does not allow this.',
  JOB_FAILED: 'The awaited job failed for good.',
  JOB_CANCELLED: 'The awaited job was cancelled.',
  JOB_TIMEOUT: 'The attempt ran longer than the job’s `timeout`.',
  JOB_CRASHED: 'The worker process died while the job ran.',
  RESULT_TIMEOUT: 'The job did not end within the time the caller waits.',
  LEASE_LOST: 'The worker no longer holds the job; its write changed nothing.',
  OUTCOME_UNUSED: 'A handler made an outcome (`ctx.snooze()`, …) and did not return it.',
  HANDLER_DUPLICATE: 'Two handlers of one worker serve the same kind.',
  HANDLER_INVALID: 'A value given as a handler is not one made by `job.handle(…)`.',
  WORKER_STATE: 'The worker cannot do this in its present state.',
  SCHEDULE_INVALID: 'A schedule’s cron expression, interval or time zone is not usable.',
  SCHEDULE_NOT_FOUND: 'No schedule has this name.',
  CURSOR_INVALID: 'The page cursor was not made by this list.',
  CONFIG_INVALID: 'The configuration file cannot be read or does not export a configuration.',
} as const)

export type KerjaErrorCode = keyof typeof ERROR_CODES

const DOCS = 'docs/errors.md'
/** The same in every copy of this module: hot reloads and bundlers leave several, and engines are shared between them. */
const BRAND: unique symbol = Symbol.for('kerja.error') as never

export interface KerjaErrorOptions {
  readonly cause?: unknown
  /** Facts for programs: names, limits, ids. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Base of every error Kerja throws. Switch on `code`. */
export class KerjaError extends Error {
  readonly code: KerjaErrorCode
  readonly details: Readonly<Record<string, unknown>>
  /** Where the remedy is written down. */
  readonly docs: string

  constructor(code: KerjaErrorCode, message: string, options: KerjaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KerjaError'
    this.code = code
    this.details = options.details ?? {}
    this.docs = `${DOCS}#${code.toLowerCase()}`
  }

  get [BRAND](): true {
    return true
  }
}

/** The idempotency key was used before with a different payload. `jobId` is the job that holds it. */
export class IdempotencyConflictError extends KerjaError {
  readonly jobId: string
  constructor(kind: string, key: string, jobId: string) {
    super(
      'IDEMPOTENCY_CONFLICT',
      `Idempotency key ${quote(key)} of job kind ${quote(kind)} already stands for job ${jobId} with a different payload. Use a new key, or send the same payload.`,
      { details: { kind, key, jobId } },
    )
    this.name = 'IdempotencyConflictError'
    this.jobId = jobId
  }
}

/** The unique key is taken and the definition says `whenTaken: 'reject'`. `jobId` is the job that holds it. */
export class UniqueConflictError extends KerjaError {
  readonly jobId: string
  constructor(kind: string, key: string, jobId: string) {
    super(
      'UNIQUE_CONFLICT',
      `Unique key ${quote(key)} of job kind ${quote(kind)} is held by job ${jobId}. Wait for it, or use whenTaken: 'skip' or 'replace'.`,
      { details: { kind, key, jobId } },
    )
    this.name = 'UniqueConflictError'
    this.jobId = jobId
  }
}

/** The awaited job failed for good. `failure` is the last error of its handler. */
export class JobFailedError extends KerjaError {
  readonly jobId: string
  readonly failure: { readonly name: string; readonly message: string; readonly code: string | null } | null
  constructor(jobId: string, reason: string | null, failure: JobFailedError['failure']) {
    super('JOB_FAILED', `Job ${jobId} failed: ${failure === null ? (reason ?? 'no reason recorded') : `${failure.name}: ${failure.message}`}`, {
      details: { jobId, reason },
    })
    this.name = 'JobFailedError'
    this.jobId = jobId
    this.failure = failure
  }
}

/** The awaited job was cancelled. `reason` is `expired`, `superseded` or the canceller's words. */
export class JobCancelledError extends KerjaError {
  readonly jobId: string
  readonly reason: string
  constructor(jobId: string, reason: string) {
    super('JOB_CANCELLED', `Job ${jobId} was cancelled: ${reason}`, { details: { jobId, reason } })
    this.name = 'JobCancelledError'
    this.jobId = jobId
    this.reason = reason
  }
}

/** The job did not end in time. It goes on; ask again. */
export class ResultTimeoutError extends KerjaError {
  readonly jobId: string
  /** `seen`: where it stood when last looked at, such as `running` or `available, held: no-worker`. */
  constructor(jobId: string, timeoutMs: number, seen = 'not looked at yet') {
    super('RESULT_TIMEOUT', `Job ${jobId} did not end within ${timeoutMs} ms (${seen}). It goes on; await it again, or raise \`timeout\`.`, {
      details: { jobId, timeoutMs, seen },
    })
    this.name = 'ResultTimeoutError'
    this.jobId = jobId
  }
}

/** The backend cannot do this. */
export class UnsupportedError extends KerjaError {
  constructor(backend: string, what: string, remedy: string) {
    super('UNSUPPORTED', `The ${backend} backend cannot ${what}. ${remedy}`, { details: { backend, what } })
    this.name = 'UnsupportedError'
  }
}

/** The backend did not answer within `enqueueTimeout`. The outcome is unknown: enqueue again with `id: error.jobId` and it merges. */
export class EnqueueTimeoutError extends KerjaError {
  readonly jobId: string
  constructor(jobId: string, timeoutMs: number, cause?: unknown) {
    super(
      'ENQUEUE_TIMEOUT',
      `The backend did not confirm job ${jobId} within ${timeoutMs} ms, so whether it is stored is unknown. Enqueue again with { id: '${jobId}' }: a stored one is merged, never doubled.`,
      { cause, details: { jobId, timeoutMs } },
    )
    this.name = 'EnqueueTimeoutError'
    this.jobId = jobId
  }
}

/** The caller no longer holds the job. Stop: somebody else may be running it. */
export class LeaseLostError extends KerjaError {
  readonly jobId: string
  constructor(jobId: string, why: string) {
    super('LEASE_LOST', `This worker no longer holds job ${jobId} (${why}). Stop its work: another worker may run it.`, { details: { jobId } })
    this.name = 'LeaseLostError'
    this.jobId = jobId
  }
}

/** Whether Kerja made this error, whichever copy of it did, and if given whether it has this code. Never throws, whatever the value is. */
export function isKerjaError(error: unknown, code?: KerjaErrorCode): error is KerjaError {
  try {
    return (error as { [BRAND]?: unknown } | null | undefined)?.[BRAND] === true && (code === undefined || (error as KerjaError).code === code)
  } catch {
    // A revoked proxy, or one whose traps throw, is not ours.
    return false
  }
}

/** Codes that speak of the backend as a whole, whatever the job. `passes`: an outage that ends without anybody's doing. */
const AWAY: Readonly<Partial<Record<KerjaErrorCode, 'passes' | 'stays'>>> = Object.freeze({
  BACKEND_REQUIRED: 'stays',
  BACKEND_UNKNOWN: 'stays',
  BACKEND_UNAVAILABLE: 'passes',
  BACKEND_CLOSED: 'stays',
  DRIVER_MISSING: 'stays',
  DRIVER_UNSAFE: 'stays',
  STORE_LOCKED: 'passes',
  STORE_FULL: 'stays',
  STORE_CORRUPT: 'stays',
  STORE_READ_ONLY: 'stays',
  STORE_NETWORK_FILESYSTEM: 'stays',
  STORE_DENIED: 'stays',
  STORE_MISMATCH: 'stays',
  STORE_VERSION: 'stays',
})

/** The backend as a whole is away, busy or full: another job would fare no better, and this one may pass later. */
export const isAway = (error: unknown): boolean => isKerjaError(error) && AWAY[error.code] !== undefined

/** Away for now: the same call will pass before long. */
export const passesByItself = (error: unknown): boolean => isKerjaError(error) && AWAY[error.code] === 'passes'

const SHOWN_CHARACTERS_MAX = 120

/** A received value as it may stand in a message: quoted, on one line, cut, never throwing. */
export function quote(value: unknown): string {
  let text: string
  try {
    text = typeof value === 'string' ? JSON.stringify(value) : typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  } catch {
    // A value that cannot be shown (a cycle, a throwing getter, a revoked proxy) must not hide the error it is quoted in.
    text = `[${typeof value}]`
  }
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text
}
