/** The words that options take, as values. The compiler holds them against the library's own types. */
import type { JobState, Priority } from '../index.js'

export const PRIORITIES = Object.keys({ critical: 0, high: 0, normal: 0, low: 0, bulk: 0 } satisfies Record<Priority, 0>) as readonly Priority[]

export const JOB_STATES = Object.keys({
  scheduled: 0,
  available: 0,
  running: 0,
  retryable: 0,
  completed: 0,
  cancelled: 0,
  failed: 0,
} satisfies Record<JobState, 0>) as readonly JobState[]
