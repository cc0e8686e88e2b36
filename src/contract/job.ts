/**
 * What the parts of a backend say about a job. Everything here is plain data that survives a structured clone:
 * it crosses threads on SQLite and the wire on brokers. Instants are epoch milliseconds of the store's clock.
 */
import type { JobFailure } from '../core/failure.js'
import type { HoldReason, JobState, PriorityRank } from '../core/state.js'

export type { JobFailure }

/** A job as the producer hands it over. The client sends durations; the store turns them into instants of its own clock. */
export interface NewJob {
  /** UUIDv7 made by the producer. Pushing the same id twice merges: the second push is a duplicate of the first. */
  readonly id: string
  readonly kind: string
  /** Payload version, from 1. Workers claim only versions they know. */
  readonly version: number
  readonly queue: string
  readonly priority: PriorityRank
  /** The encoded payload (core/codec.ts). Opaque to the backend. */
  readonly payload: string
  /** Wait before the first start, in ms from the push. Ignored when `runAt` is set. */
  readonly delayMs: number
  /** An absolute instant the caller asked for, or null. Judged by the store's clock. */
  readonly runAt: number | null
  readonly maxAttempts: number
  /** All attempts together, in ms from the push; null is never. */
  readonly giveUpAfterMs: number | null
  /**
   * Cancelled as `expired` when not started within this many ms from the push (or from its run time, if later); null is never.
   * The first claim is the start. Moving the run time of a job moves the limit along.
   */
  readonly startWithinMs: number | null
  readonly group: string | null
  readonly tags: readonly string[]
  readonly idempotency: NewJobIdempotency | null
  readonly unique: NewJobUnique | null
  /** The job whose handler enqueued this one, or null. */
  readonly parentId: string | null
  /** The schedule and the instant that made this job, or null. */
  readonly tick: { readonly schedule: string; readonly instant: number } | null
}

/** Same request, same job. Scoped to the kind. */
export interface NewJobIdempotency {
  readonly key: string
  /** Hash of the encoded payload: a different payload under the same key is a conflict. */
  readonly payloadHash: string
  readonly ttlMs: number
}

/** At most one job per (kind, key) while waiting, or while waiting or running (`live`). */
export interface NewJobUnique {
  readonly key: string
  readonly scope: 'waiting' | 'live'
  readonly whenTaken: 'skip' | 'replace' | 'reject'
  /** The first push and each later one under the key set the waiting job's run time to now + this, whatever else they ask for; null is no debounce. */
  readonly debounceMs: number | null
}

/** What became of one pushed job, in the order pushed. */
export type PushResult =
  | { readonly status: 'created'; readonly id: string }
  /** No job was written: `id` is the one that stands for this request (same id, idempotency key or unique key). At most its run time moved (debounce). */
  | { readonly status: 'duplicate'; readonly id: string }
  /** The waiting job `id` took over the new payload, version, priority and run time. A running holder of a `live` key is never replaced: `duplicate`. */
  | { readonly status: 'replaced'; readonly id: string }
  /** Nothing was written: the key belongs to job `id` and the rule forbids a second. */
  | { readonly status: 'conflict'; readonly on: 'idempotency' | 'unique'; readonly id: string }

/**
 * What a push answers for one job. `error`: this one is not known to be stored, others of the call are: of a backend that keeps jobs in more
 * than one place, of which one is away.
 */
export type PushOutcome = PushResult | { readonly status: 'error'; readonly error: unknown }

/** The exclusive, time-limited right to one job. `token` is the fence. */
export interface LeaseRef {
  readonly jobId: string
  /** Raised at every claim of the job, never lowered. */
  readonly token: number
  /** The backend's own address of the claim (a row number, a delivery tag, a receipt handle). Opaque to callers. */
  readonly handle: unknown
}

/** A job handed to a worker. */
export interface ClaimedJob extends LeaseRef {
  readonly kind: string
  readonly version: number
  readonly queue: string
  readonly priority: PriorityRank
  readonly payload: string
  /** Number of this attempt, from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Process deaths seen so far. */
  readonly crashCount: number
  /** Claimed by a request for suspects: runs with no neighbour. */
  readonly alone: boolean
  readonly createdAt: number
  readonly runAt: number
  readonly claimedAt: number
  readonly giveUpAt: number | null
  readonly group: string | null
  readonly tags: readonly string[]
  readonly parentId: string | null
  readonly tick: { readonly schedule: string; readonly instant: number } | null
}

/**
 * The end of one claim. Only the holder of the current token can settle; anybody else gets `lost`. A job whose cancellation was requested
 * never goes back to waiting: an outcome that would send it there cancels it, with the reason and retention of the request.
 */
export type Settlement = { readonly lease: LeaseRef } & SettlementOutcome

export type SettlementOutcome =
  | {
      readonly outcome: 'complete'
      /** Encoded result, or null for none. */
      readonly result: string | null
      readonly retentionMs: number
      /** Jobs that exist exactly when this completion is recorded. Pushed by the usual rules: one that is a duplicate or a conflict is left out. */
      readonly enqueue: readonly NewJob[]
    }
  /** The attempt counts; the job is `retryable` until due. */
  | { readonly outcome: 'retry'; readonly delayMs: number; readonly failure: JobFailure }
  /** The attempt is refunded; the job waits. */
  | { readonly outcome: 'snooze'; readonly delayMs: number }
  /** The attempt is refunded; the job is available at once, at its former place. */
  | { readonly outcome: 'release' }
  /** The process died. `burn` says whether the attempt counts (it does for a suspect that ran alone). */
  | { readonly outcome: 'crash'; readonly burn: boolean; readonly failure: JobFailure }
  | { readonly outcome: 'cancel'; readonly reason: string; readonly retentionMs: number }
  | { readonly outcome: 'fail'; readonly reason: string; readonly failure: JobFailure; readonly retentionMs: number; readonly crashed: boolean }
  /** The attempt is refunded; the job is parked, visible, until someone acts. */
  | { readonly outcome: 'hold'; readonly reason: 'invalid'; readonly failure: JobFailure }

/** `lost`: the token was not current, nothing was changed. `superseded`: the settlement was recorded, but the job was cancelled because a newer one holds its unique key (kept for SUPERSEDED_RETENTION_MS). */
export type SettleResult = 'settled' | 'lost' | 'superseded'

/** A job as the ledger remembers it. */
export interface JobRecord {
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly queue: string
  readonly priority: PriorityRank
  readonly state: JobState
  readonly holdReason: HoldReason | null
  readonly payload: string
  readonly result: string | null
  /** Why it was cancelled or failed, or null. */
  readonly reason: string | null
  /** The last failure, or null. */
  readonly failure: JobFailure | null
  readonly progress: JobProgress | null
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashCount: number
  readonly token: number
  readonly createdAt: number
  readonly runAt: number
  readonly claimedAt: number | null
  readonly finishedAt: number | null
  readonly giveUpAt: number | null
  readonly startBy: number | null
  readonly cancelRequested: boolean
  readonly group: string | null
  readonly tags: readonly string[]
  readonly uniqueKey: string | null
  readonly workerId: string | null
  readonly parentId: string | null
  readonly tick: { readonly schedule: string; readonly instant: number } | null
}

export interface JobProgress {
  /** From 0 to 1. */
  readonly fraction: number
  readonly message: string | null
  readonly at: number
}

/** One past claim of a job, oldest first. Completions, snoozes and releases leave none; `crash` also stands for a `fail` that was `crashed`. */
export interface AttemptRecord {
  readonly attempt: number
  readonly token: number
  readonly workerId: string | null
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: 'retry' | 'fail' | 'crash' | 'cancel' | 'hold'
  readonly failure: JobFailure | null
}

export interface LogLine {
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}
