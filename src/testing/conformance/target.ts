/** What the suite is given: an opened backend on a store of its own, and the clock that drives it. */
import type { Backend, ManualClock } from '../../contract/index.js'

/** What a backend's author provides: a fresh, empty store for every case. */
export interface ConformanceTarget {
  readonly backend: Backend
  /** The clock the store reads. */
  readonly clock: ManualClock
  /** A second, independent handle on the same store. Needed where `capabilities.crossProcess` is true. */
  readonly reopen?: () => Promise<Backend>
  /** Opens a transaction of the caller's own. Needed where `capabilities.transactions` is true. */
  readonly transaction?: () => Promise<CallerTransaction>
  /** Closes every handle and removes the store. */
  close(): Promise<void>
}

/** A transaction that the user's code opened on the backend's own database. */
export interface CallerTransaction {
  /** What is passed as `tx`. */
  readonly tx: unknown
  commit(): Promise<void>
  rollback(): Promise<void>
}
