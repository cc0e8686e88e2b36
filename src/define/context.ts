/** What a handler is given beside its payload. Types only: the worker makes the object. */
import type { Duration } from '../core/duration.js'
import type { Outcome } from '../core/outcome.js'
import type { AnyJob, EnqueueOptions, PayloadOf, TransactionHandle } from './job.js'

export interface JobLogger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** One run of one job. */
export interface JobContext<Result = unknown> {
  readonly id: string
  readonly kind: string
  readonly queue: string
  /** Number of this attempt, from 1. Snoozes, releases and refunded crashes do not count. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly group: string | null
  readonly tags: readonly string[]
  /** When the job was enqueued, by the store's clock. */
  readonly createdAt: Date
  /** The instant this run was due: the schedule's tick for scheduled jobs, else the run time. */
  readonly scheduledFor: Date
  /** Aborts on timeout, cancellation, loss of the lease and forced shutdown. Its `reason` is the coded error. */
  readonly signal: AbortSignal
  /** Lines kept with the job (`kerja jobs show`) and passed to the worker's logger. */
  readonly log: JobLogger
  /** From 0 to 1. Coalesced; the last one wins. Never throws. */
  progress(fraction: number, message?: string): void
  /** A key for a third party, the same in every run of this job: `(job, name)`. */
  idempotencyKey(name: string): string
  /** Enqueues now. The id is derived from this job, its payload and how often it was asked for, so a rerun does not double it. */
  enqueue<J extends AnyJob>(job: J, payload: PayloadOf<J>, options?: EnqueueOptions): Promise<{ readonly id: string; readonly duplicate: boolean }>
  /** The job exists exactly when this one completes. */
  enqueueOnComplete<J extends AnyJob>(job: J, payload: PayloadOf<J>, options?: Omit<EnqueueOptions, 'tx'>): void
  /**
   * Completes with a result. With `tx` the completion joins your open transaction: it holds exactly when you commit. On SQLite it is written at
   * once, so it may be called inside a synchronous transaction function.
   */
  complete(result: Result, options?: { readonly tx?: TransactionHandle }): Outcome | Promise<Outcome>
  /** Runs again after `delay`; the attempt counts. */
  retry(delay: Duration): Outcome
  /** Runs again after `delay`; costs no attempt. */
  snooze(delay: Duration): Outcome
  /** Ends as `cancelled`. */
  cancel(reason: string): Outcome
  /** Ends as `failed`, without further attempts. */
  fail(reason: string): Outcome
}
