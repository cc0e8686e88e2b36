/** A job as the managing API shows it: decoded, with words for ranks and Dates for instants. */
import type { AttemptRecord, JobFailure, JobRecord, LogLine } from '../contract/job.js'
import { decode } from '../core/codec.js'
import { type HoldReason, type JobState, type Priority, priorityOf } from '../core/state.js'

export interface Job<Payload = unknown, Returned = unknown> {
  readonly id: string
  readonly kind: string
  /** Payload version it was enqueued with. */
  readonly version: number
  readonly queue: string
  readonly priority: Priority
  readonly state: JobState
  /** Why it may not start now, or null. */
  readonly holdReason: HoldReason | null
  /** As enqueued; undefined when it cannot be decoded (see `payloadError`). */
  readonly payload: Payload | undefined
  /** Why the stored payload cannot be decoded, or null. */
  readonly payloadError: string | null
  /** Of a completed job; undefined when there is none or it cannot be decoded (see `resultError`). */
  readonly result: Returned | undefined
  /** Why the stored result cannot be decoded or parsed, or null. */
  readonly resultError: string | null
  /** Why it was cancelled or failed, or null. */
  readonly reason: string | null
  /** The last failure, or null. */
  readonly failure: JobFailure | null
  readonly progress: JobProgressView | null
  readonly attempt: number
  /** The claim number: raised at every claim, never lowered. */
  readonly token: number
  readonly maxAttempts: number
  /** Process deaths seen. */
  readonly crashCount: number
  readonly createdAt: Date
  /** When it starts or started, at the earliest. */
  readonly runAt: Date
  readonly claimedAt: Date | null
  readonly finishedAt: Date | null
  readonly giveUpAt: Date | null
  readonly startBy: Date | null
  /** It runs and was asked to end. */
  readonly cancelRequested: boolean
  readonly group: string | null
  readonly tags: readonly string[]
  readonly uniqueKey: string | null
  readonly workerId: string | null
  /** The job whose handler enqueued it, or null. */
  readonly parentId: string | null
  /** The schedule that made it and the instant it was due, or null. */
  readonly schedule: { readonly name: string; readonly scheduledFor: Date } | null
}

export interface JobProgressView {
  /** From 0 to 1. */
  readonly fraction: number
  readonly message: string | null
  readonly at: Date
}

export interface LogLineView {
  readonly at: Date
  readonly level: LogLine['level']
  readonly message: string
}

/** One past run of a job that did not complete. */
export interface Attempt {
  readonly attempt: number
  readonly workerId: string | null
  readonly startedAt: Date
  readonly endedAt: Date
  readonly durationMs: number
  readonly outcome: AttemptRecord['outcome']
  readonly failure: JobFailure | null
}

export function toJob(record: JobRecord): Job {
  const payload = decodeQuietly(record.payload)
  const result = record.result === null ? NOTHING : decodeQuietly(record.result)
  return {
    id: record.id,
    kind: record.kind,
    version: record.version,
    queue: record.queue,
    priority: priorityOf(record.priority),
    state: record.state,
    holdReason: record.holdReason,
    payload: payload.value,
    payloadError: payload.error,
    result: result.value,
    resultError: result.error,
    reason: record.reason,
    failure: record.failure,
    progress: record.progress === null ? null : toProgress(record.progress),
    attempt: record.attempt,
    token: record.token,
    maxAttempts: record.maxAttempts,
    crashCount: record.crashCount,
    createdAt: new Date(record.createdAt),
    runAt: new Date(record.runAt),
    claimedAt: toDate(record.claimedAt),
    finishedAt: toDate(record.finishedAt),
    giveUpAt: toDate(record.giveUpAt),
    startBy: toDate(record.startBy),
    cancelRequested: record.cancelRequested,
    group: record.group,
    tags: record.tags,
    uniqueKey: record.uniqueKey,
    workerId: record.workerId,
    parentId: record.parentId,
    schedule: record.tick === null ? null : { name: record.tick.schedule, scheduledFor: new Date(record.tick.instant) },
  }
}

export const toProgress = (progress: NonNullable<JobRecord['progress']>): JobProgressView => ({ ...progress, at: new Date(progress.at) })

export const toLogLine = (line: LogLine): LogLineView => ({ ...line, at: new Date(line.at) })

export const toAttempt = (record: AttemptRecord): Attempt => ({
  attempt: record.attempt,
  workerId: record.workerId,
  startedAt: new Date(record.startedAt),
  endedAt: new Date(record.endedAt),
  durationMs: record.endedAt - record.startedAt,
  outcome: record.outcome,
  failure: record.failure,
})

export const toDate = (instant: number | null): Date | null => (instant === null ? null : new Date(instant))

const NOTHING = Object.freeze({ value: undefined, error: null })

// One unreadable job must not keep a list of others from being shown.
function decodeQuietly(text: string): { readonly value: unknown; readonly error: string | null } {
  try {
    return { value: decode(text), error: null }
  } catch (error) {
    return { value: undefined, error: error instanceof Error ? error.message : String(error) }
  }
}
