/** The `ctx` a handler gets. Made for every run, so what few handlers use is made on first use. */
import type { ClaimedJob, NewJob, Settlement, SettleResult } from '../contract/job.js'
import { parseDuration } from '../core/duration.js'
import { checkKey, checkReason } from '../core/names.js'
import { createOutcome, type Outcome, type OutcomeRequest } from '../core/outcome.js'
import type { AnyJob, EnqueueOptions, JobContext, JobLogger, TransactionHandle } from '../define/definition.js'
import { KerjaError, LeaseLostError } from '../errors.js'
import type { JobOrigin, WorkerProducer } from './parts.js'
import type { Recorder } from './recorder.js'

export interface RunServices {
  readonly producer: WorkerProducer
  readonly recorder: Recorder
  /** `late`: the run has ended; nothing is kept with the job any more. */
  readonly log: (job: ClaimedJob, level: 'debug' | 'info' | 'warn' | 'error', message: string, late: boolean) => void
  /** Encodes a result, checked by the job's schema. */
  readonly encodeResult: (result: unknown) => string | null | Promise<string | null>
  readonly completion: (job: ClaimedJob, result: string | null, enqueue: readonly NewJob[]) => Settlement
  readonly settleIn: (settlement: Settlement, tx: TransactionHandle) => SettleResult | Promise<SettleResult>
}

/** One run: the context and what the worker keeps beside it. */
export class Run implements JobContext<unknown> {
  readonly #job: ClaimedJob
  readonly #services: RunServices
  #abort: AbortController | undefined
  #log: JobLogger | undefined
  #origin: JobOrigin | undefined
  #children: (NewJob | Promise<NewJob>)[] | undefined
  #outcomes: Outcome[] | undefined
  #ended = false
  #isCompletionWritten = false
  /** Set when the run was aborted, with why. */
  abortReason: KerjaError | undefined

  constructor(job: ClaimedJob, services: RunServices) {
    this.#job = job
    this.#services = services
  }

  get id(): string {
    return this.#job.jobId
  }
  get kind(): string {
    return this.#job.kind
  }
  get queue(): string {
    return this.#job.queue
  }
  get attempt(): number {
    return this.#job.attempt
  }
  get maxAttempts(): number {
    return this.#job.maxAttempts
  }
  get group(): string | null {
    return this.#job.group
  }
  get tags(): readonly string[] {
    return this.#job.tags
  }
  get createdAt(): Date {
    return new Date(this.#job.createdAt)
  }
  get scheduledFor(): Date {
    return new Date(this.#job.tick?.instant ?? this.#job.runAt)
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.abortReason !== undefined) this.#abort.abort(this.abortReason)
    }
    return this.#abort.signal
  }

  get log(): JobLogger {
    const at = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string) => this.#services.log(this.#job, level, String(message), this.#ended)
    this.#log ??= { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    return this.#log
  }

  progress(fraction: number, message?: string): void {
    // Progress is for people: a wrong number is brought into range rather than failing the job.
    const share = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0
    if (!this.#ended) this.#services.recorder.progress(this.#job, share, message === undefined ? null : String(message).slice(0, 1_000))
  }

  idempotencyKey(name: string): string {
    return `${this.#job.jobId}:${checkKey(name, 'idempotencyKey name')}`
  }

  async enqueue(
    job: AnyJob,
    payload: unknown,
    options: EnqueueOptions = {},
  ): Promise<{ readonly id: string; readonly duplicate: boolean | 'unknown' }> {
    this.#refuseWhenEnded('enqueue')
    return this.#services.producer.enqueueAs(job, payload, options, this.#from())
  }

  enqueueOnComplete(job: AnyJob, payload: unknown, options: Omit<EnqueueOptions, 'tx'> = {}): void {
    this.#refuseWhenEnded('enqueueOnComplete')
    if (this.#isCompletionWritten) {
      throw new KerjaError(
        'WORKER_STATE',
        `ctx.enqueueOnComplete() was called after ctx.complete(…, { tx }) had been written for job ${this.id}. Call it before.`,
      )
    }
    this.#children ??= []
    const prepared = this.#services.producer.prepareAs(job, payload, options, this.#from())
    // A schema that validates asynchronously is awaited at the end of the run; until then its rejection must not count as unhandled.
    if (prepared instanceof Promise) prepared.catch(() => undefined)
    this.#children.push(prepared)
  }

  complete(result: unknown, options: { readonly tx?: TransactionHandle } = {}): Outcome | Promise<Outcome> {
    const { tx } = options
    if (tx === undefined) return this.#make({ type: 'complete', result, committed: null })
    this.#refuseWhenEnded('complete')
    const encoded = this.#services.encodeResult(result)
    const children = this.children()
    this.#isCompletionWritten = true
    if (encoded instanceof Promise || children instanceof Promise) {
      return contained(Promise.all([encoded, children]).then(([text, jobs]) => this.#completeIn(text, jobs, tx)))
    }
    return this.#completeIn(encoded, children, tx)
  }

  retry(delay: Parameters<JobContext['retry']>[0]): Outcome {
    return this.#make({ type: 'retry', delayMs: parseDuration(delay, 'retry delay') })
  }
  snooze(delay: Parameters<JobContext['snooze']>[0]): Outcome {
    return this.#make({ type: 'snooze', delayMs: parseDuration(delay, 'snooze delay') })
  }
  cancel(reason: string): Outcome {
    return this.#make({ type: 'cancel', reason: checkReason(reason) })
  }
  fail(reason: string): Outcome {
    return this.#make({ type: 'fail', reason: checkReason(reason) })
  }

  /** Jobs to be enqueued with the completion. */
  children(): readonly NewJob[] | Promise<readonly NewJob[]> {
    const children = this.#children ?? []
    return children.some((child) => child instanceof Promise) ? Promise.all(children) : (children as readonly NewJob[])
  }

  /** An outcome that was made and is not `returned`, if any. */
  unused(returned: unknown): Outcome | undefined {
    return this.#outcomes?.find((outcome) => outcome !== returned)
  }

  abort(reason: KerjaError): void {
    if (this.abortReason !== undefined) return
    this.abortReason = reason
    this.#abort?.abort(reason)
  }

  /** Later calls of the handler's leftovers change nothing. */
  end(): void {
    this.#ended = true
  }

  #make(request: OutcomeRequest): Outcome {
    this.#refuseWhenEnded(request.type)
    const outcome = createOutcome(request)
    this.#outcomes ??= []
    this.#outcomes.push(outcome)
    return outcome
  }

  #completeIn(result: string | null, children: readonly NewJob[], tx: TransactionHandle): Outcome | Promise<Outcome> {
    const made = (settled: SettleResult): Outcome => {
      if (settled === 'lost') throw new LeaseLostError(this.id, 'its completion was refused; roll back')
      return this.#make({ type: 'complete', result: undefined, committed: { written: true } })
    }
    const settled = this.#services.settleIn(this.#services.completion(this.#job, result, children), tx)
    return settled instanceof Promise ? contained(settled.then(made)) : made(settled)
  }

  #refuseWhenEnded(what: string): void {
    if (this.#ended)
      throw new KerjaError('WORKER_STATE', `ctx.${what}() was called after the run of job ${this.id} had ended. Await everything the handler starts.`)
  }

  #from(): JobOrigin {
    this.#origin ??= { parentId: this.#job.jobId, parentCreatedAt: this.#job.createdAt, occurrences: new Map() }
    return this.#origin
  }
}

/** A handler whose transaction fails after it asked for this never awaits it: left alone, its rejection would then end the process. */
function contained(completing: Promise<Outcome>): Promise<Outcome> {
  completing.catch(() => undefined)
  return completing
}
