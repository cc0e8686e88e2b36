/**
 * Jobs claimed ahead of a free slot, so that a worker of quick jobs does not wait for the store between two rounds. Only while handlers are
 * quick, never more than they run in about `prefetchRunMsMax`, and never for long: what waited for `prefetchWaitMs` is given back, un-run and at no cost.
 * If the process dies, those that wait are rescued like those that run.
 */
import type { ClaimedJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'

interface Waiting {
  readonly job: ClaimedJob
  readonly claimedAtMs: number
}

export interface PrefetchOptions {
  readonly concurrency: number
  readonly start: (job: ClaimedJob, claimedAtMs: number) => void
  readonly giveBack: (jobs: readonly ClaimedJob[]) => void
  /** Monotonic. */
  readonly now: () => number
}

/** Below this many slots a round is too short to be worth it, and a job given back too large a part of it. */
const CONCURRENCY_MIN = 8
/** Weight of the newest run in the mean. */
const MEAN_WEIGHT = 0.05

export class Prefetch {
  readonly #options: PrefetchOptions
  readonly #aheadMax: number
  #waiting: Waiting[] = []
  #startedCount = 0
  #isStarting = false
  /** Until handlers have shown that they are quick, they are taken for slow. */
  #meanRunMs: number = 2 * DEFAULTS.worker.prefetchRunMsMax
  #timer: NodeJS.Timeout | undefined

  constructor(options: PrefetchOptions) {
    this.#options = options
    this.#aheadMax = options.concurrency < CONCURRENCY_MIN ? 0 : DEFAULTS.worker.prefetchJobsMax
  }

  /** How many jobs may be claimed now beyond the slots. */
  get allowance(): number {
    const { prefetchRunMsMax, prefetchRoundsMax } = DEFAULTS.worker
    const rounds = Math.min(Math.floor(prefetchRunMsMax / this.#meanRunMs), prefetchRoundsMax)
    return Math.min(rounds * this.#options.concurrency, this.#aheadMax)
  }

  /** Whether this claim waits here. */
  has(jobId: string, token: number): boolean {
    return this.#waiting.some(({ job }) => job.jobId === jobId && job.token === token)
  }

  /** Starts what has a slot; the rest waits for one. */
  accept(jobs: readonly ClaimedJob[], claimedAtMs: number): void {
    for (const job of jobs) this.#waiting.push({ job, claimedAtMs })
    this.startWaiting()
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#expire(), DEFAULTS.worker.prefetchWaitMs)
  }

  /** A run ended and its slot is free. What waits gets it by `startWaiting`, once the ends of this turn are on their way. */
  ended(runMs: number): void {
    this.#meanRunMs += (runMs - this.#meanRunMs) * MEAN_WEIGHT
    this.#startedCount -= 1
  }

  startWaiting(): void {
    // A handler that ends at once comes back here from within `start`: the loop that is running goes on instead of a deeper one.
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#startedCount < this.#options.concurrency) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#startedCount += 1
      this.#options.start(next.job, next.claimedAtMs)
    }
    this.#isStarting = false
  }

  /** Everything that waits goes back: the worker stops, or its leases are in doubt. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const jobs = this.#waiting.map(({ job }) => job)
    this.#waiting = []
    if (jobs.length > 0) this.#options.giveBack(jobs)
  }

  #expire(): void {
    this.#timer = undefined
    const oldest = this.#waiting[0]
    if (oldest === undefined) return
    const leftMs = oldest.claimedAtMs + DEFAULTS.worker.prefetchWaitMs - this.#options.now()
    if (leftMs > 0) this.#timer = setTimeout(() => this.#expire(), leftMs)
    // One that waited too long says that a handler is slow after all: the others would wait for it too.
    else this.#slow()
  }

  #slow(): void {
    this.#meanRunMs = 2 * DEFAULTS.worker.prefetchRunMsMax
    this.clear()
  }
}
