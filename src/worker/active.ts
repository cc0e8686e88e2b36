/** The runs that this worker holds, from claim to acknowledged settlement. */
import type { ClaimedJob } from '../contract/job.js'
import type { Run } from './context.js'
import type { Timer } from './timer.js'

export interface Active {
  readonly job: ClaimedJob
  readonly run: Run
  readonly claimedAtMs: number
  timer: Timer | undefined
  startedAtMs: number
  settling: boolean
  overrun: boolean
  /** Its place in `ActiveRuns`, which sets it. */
  place: number
}

/**
 * Not a Set: when V8 rehashes one, the old table keeps what it held and points to the new table, so that one table which grew old keeps every later run
 * in memory until the next full collection (measured: a fifth of a busy worker's processor time, and 25 MiB).
 */
export class ActiveRuns {
  readonly #runs: Active[] = []

  add(run: Active): void {
    run.place = this.#runs.length
    this.#runs.push(run)
  }

  delete(run: Active): void {
    if (this.#runs[run.place] !== run) return
    const last = this.#runs.pop() as Active
    if (last === run) return
    last.place = run.place
    this.#runs[run.place] = last
  }

  some(test: (run: Active) => boolean): boolean {
    return this.#runs.some(test)
  }

  /** As they are now: runs end and begin while somebody goes through them. */
  all(): readonly Active[] {
    return [...this.#runs]
  }
}
