/** A job as the memory backend keeps it. */
import type { AttemptRecord, JobFailure, JobProgress, LogLine } from '../../contract/index.js'
import type { PriorityRank } from '../../core/state.js'

export interface Job {
  readonly id: string
  readonly kind: string
  readonly queue: string
  /** Order of arrival: breaks ties between equal run times, and orders the list. */
  readonly sequence: number
  readonly createdAt: number
  readonly group: string | null
  readonly parentId: string | null
  readonly tick: { readonly schedule: string; readonly instant: number } | null
  readonly unique: { readonly key: string; readonly scope: 'waiting' | 'live' } | null
  version: number
  priority: PriorityRank
  payload: string
  tags: readonly string[]
  maxAttempts: number
  runAt: number
  startBy: number | null
  giveUpAt: number | null
  phase: 'waiting' | 'running' | 'completed' | 'cancelled' | 'failed'
  /** Names the entries of this job that count; 0 while it waits nowhere. */
  place: number
  token: number
  attempt: number
  crashCount: number
  /** It waits because an attempt failed: `retryable` rather than `scheduled`. */
  retrying: boolean
  /** Parked: its payload does not parse. */
  invalid: boolean
  /** Claimed by a request for suspects. */
  alone: boolean
  /** Taken to be carried to another store. */
  forwarding: boolean
  workerId: string | null
  claimedAt: number | null
  leaseEndsAt: number | null
  cancelRequest: { readonly reason: string; readonly retentionMs: number } | null
  result: string | null
  reason: string | null
  failure: JobFailure | null
  progress: JobProgress | null
  finishedAt: number | null
  keepUntil: number | null
  readonly attempts: AttemptRecord[]
  readonly lines: { readonly number: number; readonly line: LogLine }[]
  lineCount: number
}

/** When a waiting job is ended unrun. `startBy` binds until the first claim by a worker only. */
export function deadlineOf(job: Job): number | null {
  const startBy = job.claimedAt === null ? job.startBy : null
  if (startBy === null || job.giveUpAt === null) return startBy ?? job.giveUpAt
  return Math.min(startBy, job.giveUpAt)
}
