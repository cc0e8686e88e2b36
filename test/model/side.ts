/** One side of a comparison: performs an operation, and shows all it knows. The model is one, a backend under test another. */
import type { JobState } from '../../src/core/state.js'
import type { Operation } from './operations.js'

export interface Side {
  /** What the operation answered, in terms that every side shares. */
  perform(operation: Operation): Promise<unknown>
  /** Every job ever pushed, in order; null once it is forgotten. */
  jobs(): Promise<readonly (SeenJob | null)[]>
  close(): Promise<void>
}

/** The facts of a job that the contract fixes. */
export interface SeenJob {
  readonly id: string
  readonly state: JobState
  readonly held: boolean
  readonly queue: string
  readonly priority: number
  readonly payload: string
  readonly attempt: number
  readonly crashCount: number
  readonly token: number
  /** Null once it has ended: nothing follows from it any more. */
  readonly runAt: number | null
  readonly finishedAt: number | null
  readonly reason: string | null
  readonly result: string | null
  readonly worker: number | null
  readonly cancelRequested: boolean
}

export const START_AT = Date.UTC(2026, 0, 1)
export const WORKER_COUNT = 4
export const RETENTION_MS = 10_000

/** Ids ascend in order of arrival. */
export const idOf = (number: number): string => `01b40000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`

/** The one that `back` steps from the last of `count` names; null where there is none. */
export const counted = (back: number, count: number): number | null => (count === 0 ? null : count - 1 - (back % count))
