/**
 * Runs claimed jobs: parse, call the handler, watch its time, turn how it ended into a settlement (outcome.ts of core decides nothing here:
 * core/retry.ts does). One entry per run in `active`, from claim to acknowledged settlement.
 *
 * States of a run: parsing → running → settling → gone. `aborted` is a mark on any of them. If the process dies in any state, the claim lapses
 * and the job runs again; the settlement is the only thing that ends it.
 */
import type { BeatResult } from '../contract/backend.js'
import type { ClaimedJob, Settlement, SettlementOutcome, SettleResult } from '../contract/job.js'
import { toJobFailure } from '../core/failure.js'
import { isOutcome } from '../core/outcome.js'
import type { Handler } from '../define/job.js'
import { KerjaError, LeaseLostError } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'
import { Run, type RunServices } from './context.js'
import { createJudge } from './judge.js'
import { parsePayload } from './payload.js'
import type { Recorder } from './recorder.js'
import type { Settler } from './settler.js'
import { startTimer, type Timer } from './timer.js'

export interface ExecutorOptions {
  readonly handlers: ReadonlyMap<string, Handler>
  readonly settler: Settler
  readonly recorder: Recorder
  readonly services: Omit<RunServices, 'encodeResult' | 'completion' | 'log'>
  readonly events: EventHub
  readonly logger: Logger
  readonly random: () => number
  /** The slot of the job is free. */
  readonly onDone: (job: ClaimedJob) => void
  /** How many handlers are past their time and do not heed their signal. */
  readonly onOverrun: (count: number) => void
  /** Reads whether a completion written on the caller's transaction holds. */
  readonly holds: (job: ClaimedJob) => Promise<boolean>
}

export interface Executor {
  /** `claimedAtMs`: monotonic, when the claim came back. */
  start(job: ClaimedJob, claimedAtMs: number): void
  /** Compares with what the store says is held; aborts what is lost or to be cancelled. */
  compare(result: BeatResult, askedAtMs: number): void
  abortAll(reason: (job: ClaimedJob) => KerjaError): void
  /** Settles every run as released without waiting for its handler, which may go on but can no longer end the job. */
  releaseAll(): void
  lose(jobId: string, token: number, why: string): void
  readonly activeCount: number
}

export interface Active {
  readonly job: ClaimedJob
  readonly run: Run
  readonly claimedAtMs: number
  timer: Timer | undefined
  startedAtMs: number
  settling: boolean
  overrun: boolean
}

export function createExecutor(options: ExecutorOptions): Executor {
  const { handlers, settler, recorder, events, logger } = options
  const active = new Map<string, Active>()
  let overrunCount = 0
  const judge = createJudge(options)

  const start = (job: ClaimedJob, claimedAtMs: number): void => {
    const handler = handlers.get(job.kind)
    if (handler === undefined)
      throw new KerjaError('HANDLER_INVALID', `The backend handed out kind '${job.kind}', which this worker did not ask for.`)
    const run = new Run(job, judge.servicesOf(handler, job))
    const entry: Active = { job, run, claimedAtMs, timer: undefined, startedAtMs: claimedAtMs, settling: false, overrun: false }
    active.set(job.jobId, entry)
    void execute(entry, handler)
  }

  const execute = async (entry: Active, handler: Handler): Promise<void> => {
    let payload: unknown
    try {
      payload = parsePayload(handler.job, entry.job)
      if (payload instanceof Promise) payload = await payload
    } catch (error) {
      return settle(entry, { outcome: 'hold', reason: 'invalid', failure: toJobFailure(error) })
    }
    let outcome: SettlementOutcome | null
    try {
      begin(entry, handler)
      let returned = handler.run(payload, entry.run as never)
      if (returned instanceof Promise || isThenable(returned)) returned = await returned
      outcome = await judge.returned(entry, handler, returned)
    } catch (error) {
      outcome = isOutcome(error)
        ? await judge.returned(entry, handler, error).catch((inner) => judge.threw(entry, handler, inner))
        : judge.threw(entry, handler, error)
    }
    settle(entry, outcome)
  }

  const begin = (entry: Active, handler: Handler): void => {
    entry.startedAtMs = performance.now()
    const { timeoutMs } = handler.job.options
    if (timeoutMs !== null) entry.timer = startTimer(timeoutMs, () => expire(entry, timeoutMs))
    if (events.has('job.started')) {
      const { jobId: id, kind, queue, attempt, claimedAt, runAt } = entry.job
      events.emit('job.started', { id, kind, queue, attempt, waitedMs: Math.max(0, claimedAt - runAt) })
    }
  }

  const expire = (entry: Active, timeoutMs: number): void => {
    entry.run.abort(
      new KerjaError('JOB_TIMEOUT', `Attempt ${entry.job.attempt} of job ${entry.job.jobId} ran longer than its timeout of ${timeoutMs} ms.`),
    )
    entry.overrun = true
    overrunCount += 1
    logger.warn('a job ran past its timeout and was told to stop', { jobId: entry.job.jobId, kind: entry.job.kind, timeoutMs })
    options.onOverrun(overrunCount)
  }

  /** null: the job has already ended, by a transaction of its handler. */
  const settle = (entry: Active, outcome: SettlementOutcome | null): void => {
    if (!entry.settling) leaveSlot(entry)
    if (outcome === null) {
      active.delete(entry.job.jobId)
      options.onDone(entry.job)
      judge.report(entry, { outcome: 'complete', result: null, retentionMs: 0, enqueue: [] }, 'settled')
      return
    }
    if (entry.settling) return
    entry.settling = true
    const settlement = { lease: entry.job, ...outcome } as Settlement
    const send = (): void => settler.add(settlement, (result) => acknowledged(entry, outcome, result))
    // Progress and logs carry the token that this settlement ends: they go first.
    if (recorder.has(entry.job.jobId))
      void recorder
        .flush()
        .then(send)
        .then(() => settler.flush())
    else send()
    options.onDone(entry.job)
  }

  const leaveSlot = (entry: Active): void => {
    entry.run.end()
    entry.timer?.clear()
    if (entry.overrun) overrunCount -= 1
  }

  const acknowledged = (entry: Active, outcome: SettlementOutcome, result: SettleResult): void => {
    if (active.get(entry.job.jobId) === entry) active.delete(entry.job.jobId)
    judge.report(entry, outcome, result)
  }

  const lose = (jobId: string, token: number, why: string): void => {
    const entry = active.get(jobId)
    if (entry?.job.token !== token || entry.settling) return
    entry.run.abort(new LeaseLostError(jobId, why))
  }

  return {
    start,
    lose,
    compare(result, askedAtMs) {
      const held = new Map(result.held.map((claim) => [claim.jobId, claim]))
      for (const entry of active.values()) {
        if (entry.claimedAtMs > askedAtMs || entry.settling) continue
        const claim = held.get(entry.job.jobId)
        if (claim?.token !== entry.job.token) lose(entry.job.jobId, entry.job.token, 'its lease ended')
        else if (claim.cancelRequested) entry.run.abort(new KerjaError('JOB_CANCELLED', `Job ${entry.job.jobId} was cancelled while it ran.`))
      }
    },
    abortAll(reason) {
      for (const entry of active.values()) if (!entry.settling) entry.run.abort(reason(entry.job))
    },
    releaseAll() {
      for (const entry of active.values()) if (!entry.settling) settle(entry, judge.interrupted(entry))
    },
    get activeCount() {
      return active.size
    },
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
