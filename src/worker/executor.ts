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
import { DEFAULTS } from '../core/options.js'
import type { Outcome } from '../core/outcome.js'
import type { Handler } from '../define/definition.js'
import { KerjaError, LeaseLostError } from '../errors.js'
import { monotonicMs } from '../lease/monotonic.js'
import { type Active, ActiveRuns } from './active.js'
import { Run, type RunServices } from './context.js'
import { createJudge, type Judge, type JudgeOptions } from './judge.js'
import { parsePayload } from './payload.js'
import type { Settler } from './settler.js'
import { startTimer, stopTimer } from './timer.js'
import { isThenable, outcomeOf } from './values.js'

export interface ExecutorOptions extends JudgeOptions {
  readonly handlers: ReadonlyMap<string, Handler>
  readonly settler: Settler
  /** The slot of the job is free, after a run of `runMs`. */
  readonly onDone: (job: ClaimedJob, runMs: number) => void
  /** How many handlers are past their time and do not heed their signal. */
  readonly onOverrun: (count: number) => void
}

export class Executor {
  readonly #options: ExecutorOptions
  readonly #judge: Judge
  readonly #known: ReadonlyMap<string, { readonly handler: Handler; readonly services: RunServices }>
  // Not by job: one whose lease was lost may run here a second time while its first handler has not ended.
  readonly #active = new ActiveRuns()
  #overrunCount = 0
  #unendedCount = 0

  constructor(options: ExecutorOptions) {
    this.#options = options
    this.#judge = createJudge(options)
    this.#known = new Map([...options.handlers].map(([kind, handler]) => [kind, { handler, services: this.#judge.servicesOf(handler) }]))
  }

  /** Handlers that have not ended, those included whose jobs were given back under them. */
  get unendedCount(): number {
    return this.#unendedCount
  }

  /** `claimedAtMs`: monotonic, when the claim came back. */
  start(job: ClaimedJob, claimedAtMs: number): void {
    const known = this.#known.get(job.kind)
    if (known === undefined) throw new KerjaError('HANDLER_INVALID', `The backend handed out kind '${job.kind}', which this worker did not ask for.`)
    const run = new Run(job, known.services)
    const entry: Active = { job, run, claimedAtMs, timer: undefined, startedAtMs: claimedAtMs, settling: false, overrun: false, place: 0 }
    this.#active.add(entry)
    void this.#execute(entry, known.handler)
  }

  /** Compares with what the store says is held; aborts what is lost or to be cancelled. */
  compare(result: BeatResult, askedAtMs: number): void {
    const held = new Map(result.held.map((claim) => [claim.jobId, claim]))
    for (const { job, run, claimedAtMs, settling } of this.#active.all()) {
      if (claimedAtMs > askedAtMs || settling) continue
      const claim = held.get(job.jobId)
      if (claim?.token !== job.token) run.abort(new LeaseLostError(job.jobId, 'its lease ended'))
      else if (claim.cancelRequested) run.abort(new KerjaError('JOB_CANCELLED', `Job ${job.jobId} was cancelled while it ran.`))
    }
  }

  /** Whether this claim runs or is being settled here. */
  has(jobId: string, token: number): boolean {
    return this.#active.some(({ job }) => job.jobId === jobId && job.token === token)
  }

  lose(jobId: string, token: number, why: string): void {
    for (const { job, run, settling } of this.#active.all()) {
      if (job.jobId === jobId && job.token === token && !settling) run.abort(new LeaseLostError(jobId, why))
    }
  }

  abortAll(reason: (job: ClaimedJob) => KerjaError): void {
    for (const { job, run, settling } of this.#active.all()) if (!settling) run.abort(reason(job))
  }

  /** Settles every run as released without waiting for its handler, which may go on but can no longer end the job. */
  releaseAll(): void {
    for (const entry of this.#active.all()) this.#settle(entry, this.#judge.interrupted(entry, 'The worker stopped'))
  }

  /** One asynchronous frame per run, and an await only where there is a promise: this is the hot path. */
  async #execute(entry: Active, handler: Handler): Promise<void> {
    let payload: unknown
    this.#arm(entry, handler)
    try {
      payload = parsePayload(handler.job, entry.job)
      if (payload instanceof Promise) {
        payload = await payload
        // Much may have happened meanwhile: given back, cancelled, lost, or out of time.
        if (entry.settling) return
        if (entry.run.abortReason !== undefined) return this.#settle(entry, this.#judge.threw(entry, handler, entry.run.abortReason))
      }
    } catch (error) {
      return this.#settle(entry, { outcome: 'hold', reason: 'invalid', failure: toJobFailure(error) })
    }
    let outcome: SettlementOutcome | null
    this.#unendedCount += 1
    try {
      this.#announce(entry)
      let returned = handler.run(payload, entry.run as never)
      if (isThenable(returned)) returned = await returned
      const judged = this.#judge.returned(entry, handler, returned)
      outcome = judged instanceof Promise ? await judged : judged
    } catch (error) {
      const thrown = outcomeOf(error)
      outcome = thrown === null ? this.#judge.threw(entry, handler, error) : await this.#thrown(entry, handler, thrown)
    } finally {
      this.#unendedCount -= 1
    }
    this.#settle(entry, outcome)
  }

  /** An outcome that was thrown counts like one that was returned. */
  async #thrown(entry: Active, handler: Handler, outcome: Outcome): Promise<SettlementOutcome | null> {
    try {
      return await this.#judge.returned(entry, handler, outcome)
    } catch (error) {
      return this.#judge.threw(entry, handler, error)
    }
  }

  /** Before the payload is parsed: a schema that hangs is out of time like a handler that does. */
  #arm(entry: Active, handler: Handler): void {
    entry.startedAtMs = monotonicMs()
    const { timeoutMs } = handler.job.options
    if (timeoutMs !== null) entry.timer = startTimer(timeoutMs, () => this.#expire(entry, timeoutMs))
  }

  #announce({ job }: Active): void {
    const { events } = this.#options
    if (!events.has('job.started')) return
    const { jobId: id, kind, queue, attempt, token, claimedAt, runAt } = job
    events.emit('job.started', { id, kind, queue, attempt, token, waitedMs: Math.max(0, claimedAt - runAt) })
  }

  #expire(entry: Active, timeoutMs: number): void {
    const { jobId, kind, attempt } = entry.job
    entry.run.abort(new KerjaError('JOB_TIMEOUT', `Attempt ${attempt} of job ${jobId} ran longer than its timeout of ${timeoutMs} ms.`))
    this.#options.logger.warn('a job ran past its timeout and was told to stop', { jobId, kind, timeoutMs })
    entry.timer = startTimer(DEFAULTS.worker.abortGraceMs, () => this.#overrun(entry))
  }

  #overrun(entry: Active): void {
    entry.overrun = true
    this.#overrunCount += 1
    this.#options.onOverrun(this.#overrunCount)
  }

  /** null: the job has already ended, by a transaction of its handler. A run is settled once; a handler that ends after that ends nothing. */
  #settle(entry: Active, outcome: SettlementOutcome | null): void {
    if (entry.settling) return
    entry.settling = true
    entry.run.end()
    stopTimer(entry.timer)
    if (entry.overrun) this.#overrunCount -= 1
    if (outcome === null) this.#acknowledged(entry, COMPLETED_BY_HANDLER, 'settled')
    else this.#send(entry, outcome)
    this.#options.onDone(entry.job, monotonicMs() - entry.startedAtMs)
  }

  #send(entry: Active, outcome: SettlementOutcome): void {
    const { settler, recorder } = this.#options
    const settlement = { lease: entry.job, ...outcome } as Settlement
    // Progress and logs carry the token that this settlement ends: they go first.
    const recorded = recorder.has(entry.job.jobId) ? recorder.flush() : undefined
    settler.add(settlement, (result, written) => this.#acknowledged(entry, written, result), recorded)
  }

  #acknowledged(entry: Active, outcome: SettlementOutcome, result: SettleResult): void {
    this.#active.delete(entry)
    this.#judge.report(entry, outcome, result)
  }
}

const COMPLETED_BY_HANDLER: SettlementOutcome = Object.freeze({ outcome: 'complete', result: null, retentionMs: 0, enqueue: [] })
