/** The states of a job and the moves between them. The diagram in docs/job-lifecycle.md is checked against this table. */

export const JOB_STATES = ['scheduled', 'available', 'running', 'retryable', 'completed', 'cancelled', 'failed'] as const
/** Where a job stands. `scheduled` and `retryable` become `available` when due, by the store's clock. */
export type JobState = (typeof JOB_STATES)[number]

/** Why a waiting job may not start now. It keeps its state. */
export type HoldReason = 'paused' | 'no-worker' | 'invalid'

/** Most urgent first. The rank is the position, so a lower rank starts earlier. */
export const PRIORITIES = ['critical', 'high', 'normal', 'low', 'bulk'] as const
export type Priority = (typeof PRIORITIES)[number]
export type PriorityRank = 0 | 1 | 2 | 3 | 4

export const rankOf = (priority: Priority): PriorityRank => PRIORITIES.indexOf(priority) as PriorityRank
export const priorityOf = (rank: PriorityRank): Priority => PRIORITIES[rank]

/** Every legal move. `available → scheduled` and `scheduled → available` are also made by changing the run time of a waiting job. */
export const TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = Object.freeze({
  scheduled: ['available', 'running', 'cancelled', 'failed'],
  available: ['running', 'scheduled', 'cancelled', 'failed'],
  running: ['completed', 'retryable', 'scheduled', 'available', 'cancelled', 'failed'],
  retryable: ['available', 'running', 'cancelled', 'failed'],
  completed: [],
  cancelled: ['available'],
  failed: ['available'],
})

export const isTerminal = (state: JobState): boolean => state === 'completed' || state === 'cancelled' || state === 'failed'

/** A job seen in this many process deaths is a suspect: only a claim with `alone: true` takes it. */
export const SUSPECT_CRASH_COUNT = 2
/** How long a job is remembered that lost its unique key on its way back to waiting: no settlement names a retention for it. */
export const SUPERSEDED_RETENTION_MS = 86_400_000

/** What the store's clock makes of a waiting job: due or not, fresh or after a failed attempt. */
export function waitingState(job: { runAt: number; attempt: number; failed: boolean }, now: number): JobState {
  if (job.runAt <= now) return 'available'
  return job.failed ? 'retryable' : 'scheduled'
}
