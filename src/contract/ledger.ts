/** The queryable record of jobs. Paged by key, counts capped. */
import type { JobState, PriorityRank } from '../core/state.js'
import type { AttemptRecord, JobProgress, JobRecord, LeaseRef, LogLine } from './job.js'

export interface Ledger {
  /** In the order asked; null for ids nobody knows (any more). */
  get(ids: readonly string[]): Promise<readonly (JobRecord | null)[]>
  /** Newest first. What a page costs is bounded, so that a page may be short or empty although jobs follow: only a `next` of null is the end. */
  list(query: JobQuery): Promise<JobPage>
  /** Per queue, with counts capped at `countCap` (a count equal to the cap means «or more»). */
  stats(request: { readonly queues: readonly string[] | null; readonly countCap: number; readonly windowMs: number }): Promise<readonly QueueStats[]>
  attempts(id: string): Promise<readonly AttemptRecord[]>
  /** Lines in the order written, those after position `after` (0 is the start). `next` is the `after` of the following page. */
  logs(
    id: string,
    request: { readonly limit: number; readonly after: number },
  ): Promise<{ readonly lines: readonly LogLine[]; readonly next: number }>
  /** Fenced progress and log lines of running jobs. A stale token writes nothing: `lost`. Over `logLinesMax` the oldest lines make room. */
  record(writes: readonly LedgerWrite[], limits: { readonly logLinesMax: number }): Promise<readonly ('recorded' | 'lost')[]>
  /** Waiting jobs end now; running ones get a request that their worker sees with its next beat; ended ones are `unchanged`. */
  cancel(ids: readonly string[], request: { readonly reason: string; readonly retentionMs: number }): Promise<readonly ChangeResult[]>
  /**
   * Failed, cancelled, waiting and held jobs become available now, with a fresh attempt budget and without `startBy` and `giveUpAt`.
   * A suspect stays one: its `crashCount` falls to SUSPECT_CRASH_COUNT, no lower. `conflict`: its unique key is held by another job.
   */
  retry(ids: readonly string[]): Promise<readonly ChangeResult[]>
  /** Removes the record of jobs that are not running. */
  remove(ids: readonly string[]): Promise<readonly ChangeResult[]>
  /** Changes a waiting job. A new payload or version lifts the hold `invalid`. */
  update(id: string, changes: JobChanges): Promise<ChangeResult>
  /** Deletes up to `limit` records past their retention. Returns how many; call again while it equals `limit`. */
  prune(request: { readonly limit: number }): Promise<number>
}

/** `unchanged`: its state does not allow it, or nothing was to be done. */
export type ChangeResult = 'changed' | 'requested' | 'unchanged' | 'conflict' | 'unknown'

export interface JobQuery {
  readonly queue?: string
  readonly kind?: string
  readonly states?: readonly JobState[]
  readonly group?: string
  readonly tag?: string
  /** Opaque, from a previous page. @throws {CURSOR_INVALID} */
  readonly cursor?: string
  readonly limit: number
}

export interface JobPage {
  readonly jobs: readonly JobRecord[]
  /** Pass as `cursor` for the next page; null at the end. */
  readonly next: string | null
}

export interface JobChanges {
  readonly payload?: string
  readonly version?: number
  readonly priority?: PriorityRank
  /** From now, in ms. */
  readonly delayMs?: number
  readonly runAt?: number
  readonly maxAttempts?: number
  readonly tags?: readonly string[]
}

export type LedgerWrite = { readonly lease: LeaseRef } & (
  | { readonly progress: Omit<JobProgress, 'at'>; readonly lines?: undefined }
  | { readonly lines: readonly LogLine[]; readonly progress?: undefined }
)

export interface QueueStats {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<JobState, number>>
  /** Waiting jobs that may not start, by reason: paused, no-worker, invalid. */
  readonly held: Readonly<Record<string, number>>
  /** Age in ms of the oldest job that is ready to run; null with no backlog. */
  readonly latencyMs: number | null
  /** Ends within the window: completed, failed attempts that will be retried, failed for good. */
  readonly recent: { readonly windowMs: number; readonly completed: number; readonly retried: number; readonly failed: number }
}
