/** What there is to know of the spool of a process: what `kerja.spool.stats()` tells. */

/** How the spool of this process stands. */
export interface SpoolStatus {
  /**
   * `off`: none is configured. `ready`: the backend answers, as far as is known. `spooling`: it is away, and jobs go to the spool.
   * `unusable`: the spool itself cannot be read or written; see `trouble`.
   */
  readonly state: 'off' | 'ready' | 'spooling' | 'unusable'
  /** Jobs that this process has to drain: its own, and those that it adopted from dead ones. */
  readonly jobCount: number
  /** What all files in the folder take, as last seen: those of all processes, and those that were set aside. */
  readonly bytes: number
  /** Of all files in the folder together. */
  readonly maxBytes: number
  /** Since the oldest of the jobs was spooled; null without any. */
  readonly oldestAgeMs: number | null
  /** Files with damaged bytes or refused jobs in the folder: look at them with `kerja spool status`. */
  readonly asideCount: number
  /** The last failure to write or to drain, until it has passed. */
  readonly trouble: { readonly code: string; readonly message: string } | null
}
