/**
 * Decides when to claim and how much: never more than the free slots, in at most two claims at a time so that the store works on one
 * while handlers run the other. Sleeps only when a claim came back short, until a wake-up, the next due time or the poll, whichever is first.
 *
 * States: open (claiming), closed (draining). `appetite` is what is known of the store: `more` (the last claim was full), `maybe` (woken, due or
 * never asked: one claim to find out), `none` (the last claim came back short).
 */
import type { ClaimKind, ClaimRequest, ClaimResult } from '../contract/backend.js'
import type { ClaimedJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'

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
  /** Whether another claim may go out now: false while settlements pile up or leases are stale. */
  readonly mayClaim: () => boolean
  /** Suspects wait and this worker is not empty: asks for the right to become empty for one. */
  readonly askToDrain: () => Promise<boolean>
}

export interface Claimer {
  /** Work may have arrived, or a slot is free. Cheap; call it often. */
  wake(): void
  /** Claims now if it is worth it. Called once per turn of the worker. */
  pump(): void
  /** A job of the queue ended. */
  release(job: ClaimedJob): void
  readonly runningCount: number
  /** No further claims; resolves when those under way have come back. */
  close(): Promise<void>
}

export function createClaimer(options: ClaimerOptions): Claimer {
  const runningByQueue = new Map<string, number>()
  let runningCount = 0
  let requestedCount = 0
  let claimsInFlight = 0
  let appetite: 'more' | 'maybe' | 'none' = 'maybe'
  let wokenDuringClaim = false
  let suspectsWait = false
  let aloneRunning = false
  let drainingUntilMs = 0
  let nextDrainAtMs = 0
  let troubleWaitMs = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let whenQuiet: (() => void) | undefined

  const sleep = (ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      appetite = 'maybe'
      pump()
    }, ms)
  }

  const send = async (limit: number, queues: ReadonlyMap<string, number>, alone: boolean): Promise<void> => {
    claimsInFlight += 1
    requestedCount += limit
    wokenDuringClaim = false
    try {
      const result = await options.claim({
        workerId: options.workerId(),
        limit,
        queues,
        kinds: options.kinds,
        alone,
        expiredRetentionMs: DEFAULTS.job.failedRetentionMs,
      })
      troubleWaitMs = 0
      take(result, limit, alone)
    } catch (error) {
      troubleWaitMs = Math.min(Math.max(troubleWaitMs * 2, DEFAULTS.worker.retryFirstMs), DEFAULTS.worker.retryMaxMs)
      appetite = 'none'
      options.onTrouble(error)
      sleep(troubleWaitMs * (0.5 + Math.random() / 2))
    } finally {
      claimsInFlight -= 1
      requestedCount -= limit
      if (claimsInFlight === 0) whenQuiet?.()
    }
    if (troubleWaitMs === 0) pump()
  }

  const take = (result: ClaimResult, limit: number, alone: boolean): void => {
    suspectsWait = result.suspectsWait
    runningCount += result.jobs.length
    for (const job of result.jobs) {
      runningByQueue.set(job.queue, (runningByQueue.get(job.queue) ?? 0) + 1)
      aloneRunning ||= job.alone
    }
    if (result.jobs.length > 0) options.onJobs(result.jobs)
    if (alone && result.jobs.length === 0) nextDrainAtMs = performance.now() + DEFAULTS.worker.suspectDrainMs
    if (!alone && result.jobs.length === limit) appetite = 'more'
    else if (alone || wokenDuringClaim) appetite = 'maybe'
    else appetite = 'none'
    if (appetite !== 'none') return
    sleep(Math.min(result.nextDueInMs ?? DEFAULTS.worker.pollMs, DEFAULTS.worker.pollMs))
  }

  /** What each queue may still take. Queues with a limit of their own take part in one claim at a time, so that it cannot be overshot. */
  const openQueues = (limit: number): Map<string, number> => {
    const open = new Map<string, number>()
    for (const [queue, own] of options.queues) {
      const room = own === null ? limit : claimsInFlight > 0 ? 0 : Math.min(limit, own - (runningByQueue.get(queue) ?? 0))
      if (room > 0) open.set(queue, room)
    }
    return open
  }

  const pump = (): void => {
    const claimsMax = appetite === 'more' ? CLAIMS_IN_FLIGHT_MAX : 1
    if (closed || aloneRunning || appetite === 'none' || claimsInFlight >= claimsMax || !options.mayClaim()) return
    if (suspectsWait && considerSuspect()) return
    const free = options.concurrency - runningCount - requestedCount
    const limit = Math.min(free, Math.ceil(options.concurrency / CLAIMS_IN_FLIGHT_MAX))
    // While a claim is out, a small one is not worth a second write: the slots that free meanwhile join the next.
    if (limit <= 0 || (claimsInFlight > 0 && limit < options.concurrency / 4)) return
    const queues = openQueues(limit)
    let room = 0
    for (const own of queues.values()) room += own
    if (room === 0) return
    void send(Math.min(limit, room), queues, false)
    pump()
  }

  /** True when normal claiming must wait: a suspect is being fetched, or this worker is becoming empty for one. */
  const considerSuspect = (): boolean => {
    const now = performance.now()
    if (now < nextDrainAtMs) return false
    if (runningCount === 0 && claimsInFlight === 0) {
      void send(1, openQueues(1), true)
      return true
    }
    if (drainingUntilMs === 0) {
      drainingUntilMs = now + DEFAULTS.worker.suspectDrainMs
      void options.askToDrain().then((granted) => {
        if (!granted) endDrain()
      }, options.onTrouble)
    }
    if (now < drainingUntilMs) return true
    endDrain()
    return false
  }

  const endDrain = (): void => {
    drainingUntilMs = 0
    nextDrainAtMs = performance.now() + 2 * DEFAULTS.worker.suspectDrainMs
    pump()
  }

  return {
    wake() {
      if (claimsInFlight > 0) wokenDuringClaim = true
      if (appetite !== 'none') return
      appetite = 'maybe'
      clearTimeout(timer)
      if (troubleWaitMs === 0) pump()
    },
    pump,
    release(job) {
      runningCount -= 1
      runningByQueue.set(job.queue, (runningByQueue.get(job.queue) ?? 1) - 1)
      // A queue with a limit of its own may have had more than it was allowed to take.
      if (appetite === 'none' && (options.queues.get(job.queue) ?? null) !== null) appetite = 'maybe'
      if (job.alone) {
        aloneRunning = false
        drainingUntilMs = 0
      }
    },
    get runningCount() {
      return runningCount
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      return new Promise((resolve) => {
        if (claimsInFlight === 0) resolve()
        else whenQuiet = resolve
      })
    },
  }
}
