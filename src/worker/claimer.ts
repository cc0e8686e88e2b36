/**
 * Decides when to claim and how much: never more than the free slots (and what prefetch allows), in at most two claims at a time so that
 * the store works on one while handlers run the other. Sleeps only when a claim came back short, until a wake-up, the next due time or the poll, whichever is first.
 *
 * States: open (claiming), closed (draining). `appetite` is what is known of the store: `more` (the last claim was full), `maybe` (woken, due or
 * never asked: one claim to find out), `none` (the last claim came back short).
 */
import type { ClaimKind, ClaimRequest, ClaimResult } from '../contract/backend.js'
import type { ClaimedJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { createSuspects, type Suspects } from './suspects.js'

const CLAIMS_IN_FLIGHT_MAX = 2

export interface ClaimerOptions {
  readonly workerId: () => string
  readonly concurrency: number
  /** Served queues; a number is that queue's own limit. */
  readonly queues: ReadonlyMap<string, number | null>
  readonly kinds: readonly ClaimKind[]
  readonly claim: (request: ClaimRequest) => Promise<ClaimResult>
  readonly onJobs: (jobs: readonly ClaimedJob[]) => void
  readonly onTrouble: (error: unknown) => void
  /** Jobs that may be claimed beyond the slots now. */
  readonly allowance: () => number
  /** Whether another claim may go out now: false while settlements pile up or leases are stale. */
  readonly mayClaim: () => boolean
  /** Asks for the right to become empty for a suspect. */
  readonly askToDrain: () => Promise<boolean>
  readonly random: () => number
  /** Monotonic ms. */
  readonly now: () => number
}

export class Claimer {
  readonly #options: ClaimerOptions
  readonly #suspects: Suspects
  readonly #runningByQueue = new Map<string, number>()
  /** What claims under way may bring of queues with a limit of their own. */
  readonly #requestedByQueue = new Map<string, number>()
  #runningCount = 0
  #requestedCount = 0
  #claimsInFlight = 0
  /** When those were sent. */
  readonly #sentAtMs = new Set<{ readonly atMs: number }>()
  #appetite: 'more' | 'maybe' | 'none' = 'maybe'
  #wokenDuringClaim = false
  #aloneRunning = false
  #heldBack = false
  #troubleWaitMs = 0
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #whenQuiet: (() => void) | undefined

  constructor(options: ClaimerOptions) {
    this.#options = options
    this.#suspects = createSuspects({ askToDrain: options.askToDrain, onChange: () => this.wake(), onTrouble: options.onTrouble })
  }

  /** Jobs claimed and not ended. */
  get runningCount(): number {
    return this.#runningCount
  }

  /** When the oldest claim under way was sent; `Infinity` when none is. */
  oldestClaimAtMs(): number {
    return Math.min(...[...this.#sentAtMs].map(({ atMs }) => atMs))
  }

  /** Work may have arrived. Cheap; call it often. */
  wake(): void {
    if (this.#claimsInFlight > 0) this.#wokenDuringClaim = true
    if (this.#appetite !== 'none' || this.#troubleWaitMs > 0) return
    this.#appetite = 'maybe'
    clearTimeout(this.#timer)
    this.pump()
  }

  /** A job ended and its slot is free. */
  release(job: ClaimedJob): void {
    this.#runningCount -= 1
    this.#runningByQueue.set(job.queue, (this.#runningByQueue.get(job.queue) ?? 1) - 1)
    // A queue with a limit of its own may have had more than it was allowed to take; a suspect may have waited for this worker to become empty.
    const isLimited = (this.#options.queues.get(job.queue) ?? null) !== null
    const isEmptyForSuspect = this.#runningCount === 0 && this.#suspects.wanted
    if (this.#appetite === 'none' && this.#troubleWaitMs === 0 && (isLimited || isEmptyForSuspect)) this.#appetite = 'maybe'
    if (!job.alone) return
    this.#aloneRunning = false
    this.#suspects.ended()
  }

  /** What `mayClaim` looks at has changed. */
  resume(): void {
    if (this.#heldBack) this.pump()
  }

  /** Claims now if it is worth it. Called once per turn of the worker. */
  pump(): void {
    const { concurrency, allowance, mayClaim } = this.#options
    const claimsMax = this.#appetite === 'more' ? CLAIMS_IN_FLIGHT_MAX : 1
    if (this.#closed || this.#aloneRunning || this.#appetite === 'none' || this.#claimsInFlight >= claimsMax) return
    this.#heldBack = !mayClaim()
    if (this.#heldBack) return
    const suspect = this.#suspects.decide(this.#runningCount === 0 && this.#claimsInFlight === 0)
    // Becoming empty has a deadline, so it is looked at again even if nothing happens.
    if (suspect === 'hold') {
      this.#sleep(DEFAULTS.worker.pollMs)
      return
    }
    if (suspect === 'fetch') return void this.#send(1, this.#openQueues(1), true)
    const capacity = concurrency + allowance()
    const free = capacity - this.#runningCount - this.#requestedCount
    const limit = Math.min(free, Math.ceil(capacity / CLAIMS_IN_FLIGHT_MAX))
    // While a claim is out, a small one is not worth a second write: the slots that free meanwhile join the next.
    if (limit <= 0 || (this.#claimsInFlight > 0 && limit < capacity / 4)) return
    const queues = this.#openQueues(limit)
    let room = 0
    for (const own of queues.values()) room += own
    if (room === 0) return
    void this.#send(Math.min(limit, room), queues, false)
    this.pump()
  }

  /** No further claims; resolves when those under way have come back. */
  close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    return new Promise((resolve) => {
      if (this.#claimsInFlight === 0) resolve()
      else this.#whenQuiet = resolve
    })
  }

  async #send(limit: number, queues: ReadonlyMap<string, number>, alone: boolean): Promise<void> {
    const { workerId, kinds, claim, now } = this.#options
    const sent = { atMs: now() }
    this.#sentAtMs.add(sent)
    this.#claimsInFlight += 1
    this.#requestedCount += limit
    this.#reserve(queues, 1)
    this.#wokenDuringClaim = false
    let result: ClaimResult | undefined
    try {
      result = await claim({ workerId: workerId(), limit, queues, kinds, alone, expiredRetentionMs: DEFAULTS.job.failedRetentionMs })
    } catch (error) {
      this.#rest(error)
    }
    this.#sentAtMs.delete(sent)
    this.#claimsInFlight -= 1
    this.#requestedCount -= limit
    this.#reserve(queues, -1)
    if (result !== undefined) {
      this.#troubleWaitMs = 0
      this.#take(result, limit, alone)
    }
    if (this.#claimsInFlight === 0) this.#whenQuiet?.()
    if (result !== undefined) this.pump()
  }

  #take(result: ClaimResult, limit: number, alone: boolean): void {
    this.#suspects.note(result.suspectsWait)
    this.#runningCount += result.jobs.length
    for (const job of result.jobs) {
      this.#runningByQueue.set(job.queue, (this.#runningByQueue.get(job.queue) ?? 0) + 1)
      this.#aloneRunning ||= job.alone
    }
    if (alone && result.jobs.length === 0) this.#suspects.refused()
    if (!alone && result.jobs.length === limit) this.#appetite = 'more'
    // A suspect seen for the first time is worth another look at once, by `decide`.
    else if (alone || this.#wokenDuringClaim || (this.#suspects.wanted && this.#runningCount === 0)) this.#appetite = 'maybe'
    else this.#sleep(Math.min(result.nextDueInMs ?? DEFAULTS.worker.pollMs, DEFAULTS.worker.pollMs))
    if (result.jobs.length > 0) this.#options.onJobs(result.jobs)
  }

  #rest(error: unknown): void {
    const { retryFirstMs, retryMaxMs } = DEFAULTS.worker
    this.#troubleWaitMs = Math.min(Math.max(this.#troubleWaitMs * 2, retryFirstMs), retryMaxMs)
    this.#options.onTrouble(error)
    // Jitter keeps a fleet from coming back all at once.
    this.#sleep(this.#troubleWaitMs * (0.5 + this.#options.random() / 2))
  }

  #sleep(ms: number): void {
    this.#appetite = 'none'
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#appetite = 'maybe'
      this.pump()
    }, ms)
  }

  /** What each queue may still take, claims under way included, so that its own limit cannot be overshot. */
  #openQueues(limit: number): Map<string, number> {
    const open = new Map<string, number>()
    for (const [queue, own] of this.#options.queues) {
      const taken = (this.#runningByQueue.get(queue) ?? 0) + (this.#requestedByQueue.get(queue) ?? 0)
      const room = own === null ? limit : Math.min(limit, own - taken)
      if (room > 0) open.set(queue, room)
    }
    return open
  }

  #reserve(queues: ReadonlyMap<string, number>, sign: 1 | -1): void {
    for (const [queue, room] of queues) {
      if ((this.#options.queues.get(queue) ?? null) !== null)
        this.#requestedByQueue.set(queue, (this.#requestedByQueue.get(queue) ?? 0) + sign * room)
    }
  }
}
