/**
 * Handing jobs over to another store, and taking those of another. The forwarder uses it: take, `accept` over there, `leave` here. A crash
 * between the steps leaves a job in both stores under one id; the next run merges the two.
 */
import type { JobFailure } from '../core/failure.js'
import type { PriorityRank } from '../core/state.js'
import type { ScheduleRecord } from './coordination.js'
import type { AttemptRecord, LeaseRef } from './job.js'

export interface Transfer {
  /**
   * Takes waiting jobs under leases of the worker: of any queue, kind and version, due or not, paused, held or suspect, in order of arrival.
   * The lease ends by the worker's death alone. `release` gives such a job back as it was found. An unknown or dead worker gets nothing.
   */
  take(request: TakeRequest): Promise<CarriedPage>
  /** Ended jobs, in order of arrival. Nothing is taken: `leave` asks whether they are still as they were read. */
  ended(request: PageRequest): Promise<CarriedPage>
  /** Makes jobs of another store this store's own, durably. One result per job, in order. */
  accept(jobs: readonly CarriedJob[]): Promise<readonly AcceptResult[]>
  /** Removes jobs that another store has accepted, with their traces but not their idempotency keys. One result per job, in order. */
  leave(departures: readonly Departure[]): Promise<readonly LeaveResult[]>
  /** The idempotency keys that stand. */
  keys(request: { readonly limit: number; readonly cursor: string | null }): Promise<KeyPage>
  /** Those that stand here already, for whatever job, stay as they are. */
  acceptKeys(keys: readonly StandingKey[]): Promise<void>
  /** Makes schedules of another store this store's own. `kept`: one of that name has ticked here, or has another rule, and stays as it is. */
  acceptSchedules(schedules: readonly ScheduleRecord[]): Promise<readonly ('accepted' | 'kept')[]>
}

export interface PageRequest {
  /** At most this many jobs. */
  readonly limit: number
  /** No further job once their payloads and results have this many characters; a larger one comes alone. */
  readonly charactersMax: number
  /** The `next` of the page before; null begins. */
  readonly cursor: string | null
}

export interface TakeRequest extends PageRequest {
  readonly workerId: string
}

/** What a page costs is bounded, so that it may be short or empty although jobs follow: only a `next` of null is the end. */
export interface CarriedPage {
  readonly jobs: readonly CarriedJob[]
  readonly next: string | null
}

export interface KeyPage {
  readonly keys: readonly StandingKey[]
  readonly next: string | null
}

/** All of a job that must survive. Instants are those of the store it comes from. Log lines and progress stay behind. */
export interface CarriedJob extends LeaseRef {
  readonly kind: string
  readonly version: number
  readonly queue: string
  readonly priority: PriorityRank
  readonly payload: string
  readonly createdAt: number
  readonly runAt: number
  /** When a worker last claimed it; null binds it to `startBy`. */
  readonly claimedAt: number | null
  /** Attempts that count, without this taking. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashCount: number
  /** It waits after a failed attempt. */
  readonly retrying: boolean
  readonly holdReason: 'invalid' | null
  readonly startBy: number | null
  readonly giveUpAt: number | null
  readonly group: string | null
  readonly tags: readonly string[]
  readonly unique: CarriedKey | null
  /** The keys that stand for it. */
  readonly idempotency: readonly StandingKey[]
  readonly parentId: string | null
  readonly tick: { readonly schedule: string; readonly instant: number } | null
  /** The last failure. */
  readonly failure: JobFailure | null
  readonly attempts: readonly AttemptRecord[]
  /** How it ended; null for a job that waits. */
  readonly end: JobEnd | null
}

/**
 * A unique key. A holder of it wins over the job that is carried. Of one that no store has decided about yet (it comes from a spool), a waiting
 * holder first takes what the enqueue asked for.
 */
export interface CarriedKey {
  readonly key: string
  readonly scope: 'waiting' | 'live'
  /** Payload, version, priority and run time, unless the holder was made later. */
  readonly replaces?: boolean
  /** Its run time becomes the later of the two. */
  readonly debounced?: boolean
}

export interface JobEnd {
  readonly state: 'completed' | 'cancelled' | 'failed'
  readonly reason: string | null
  readonly result: string | null
  readonly workerId: string | null
  readonly finishedAt: number
  readonly keepUntil: number
}

/** An idempotency key and the job it stands for. */
export interface StandingKey {
  readonly kind: string
  readonly key: string
  readonly payloadHash: string
  readonly jobId: string
  readonly expiresAt: number
}

export type AcceptResult =
  | { readonly status: 'accepted' }
  /** The id is known here: nothing was written. */
  | { readonly status: 'duplicate' }
  /** Another job here stands for the same request or holds the unique key: this one is recorded as cancelled, with the reason `superseded by <id>`. */
  | { readonly status: 'superseded'; readonly by: string }

/** A job to be removed: one that was taken and is still held under its token, or one that ended and is still as it was read. */
export interface Departure extends LeaseRef {
  /** The `finishedAt` of an ended job; null for one that was taken. */
  readonly finishedAt: number | null
  /** Its cancellation was requested meanwhile, and carried out where the job is now. */
  readonly cancelCarried: boolean
}

/** `lost`: it is not held under this token, or has changed; nothing was done. An object: its cancellation was requested, it is still here. */
export type LeaveResult = 'left' | 'lost' | CancelRequest

export interface CancelRequest {
  readonly reason: string
  readonly retentionMs: number
}
