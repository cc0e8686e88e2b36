/**
 * A worker: claims jobs, runs their handlers, settles how they ended.
 *
 * States: idle → starting → running → draining → stopped. It cannot be started again; make a new one.
 * A crash in any state leaves claims under a lease that lapses, and nothing else.
 */
import { channel } from 'node:diagnostics_channel'
import type { Backend, BeatResult } from '../contract/backend.js'
import type { ClaimedJob, Settlement, SettleResult } from '../contract/job.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import { isKerjaError, KerjaError, LeaseLostError } from '../errors.js'
import { createLeaseKeeper, type LeaseKeeper } from '../lease/lease-keeper.js'
import { monotonicMs } from '../lease/monotonic.js'
import type { DutyRunner } from '../maintenance/duty.js'
import { Claimer } from './claimer.js'
import { createWorkerDuties } from './duties.js'
import { Executor } from './executor.js'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.js'
import type { WorkerParts } from './parts.js'
import { Prefetch } from './prefetch.js'
import { createRecorder, type Recorder, recordOf } from './recorder.js'
import { claimKindsOf, declareSchedules, deregister, refuseUnable, register } from './registration.js'
import { asUnwritable, createSettler, type Settler } from './settler.js'
import { runUntilSignal } from './shutdown.js'
import { createStrays, type Strays } from './strays.js'
import { askToDrainOf } from './suspects.js'
import { within } from './within.js'

export type WorkerState = 'idle' | 'starting' | 'running' | 'draining' | 'stopped'

/** Claims and runs jobs. Made by `kerja.worker(…)`. */
export class Worker {
  readonly #parts: WorkerParts
  readonly #options: ResolvedWorkerOptions
  #state: WorkerState = 'idle'
  #id: string
  #backend!: Backend
  #settler!: Settler
  #recorder!: Recorder
  #executor!: Executor
  #prefetch!: Prefetch
  #claimer!: Claimer
  #strays!: Strays
  #leases: LeaseKeeper | undefined
  #duties: DutyRunner | undefined
  #stopListening: (() => void) | undefined
  #turnPlanned = false
  /** What the monotonic clock lacks to be the store's, as of the last claim. */
  #storeAheadMs = 0
  #leasesStale = false
  #reviving: Promise<void> | undefined
  #reviveTimer: NodeJS.Timeout | undefined
  #reviveWaitMs = 0
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #endRun: (() => void) | undefined
  #whenEmpty: (() => void) | undefined

  constructor(parts: WorkerParts, options: WorkerOptions) {
    this.#parts = parts
    this.#options = resolveWorkerOptions(options)
    this.#id = parts.createId()
  }

  /** Its id in the store. A worker that was declared dead while it lived goes on under a new one. */
  get id(): string {
    return this.#id
  }
  get state(): WorkerState {
    return this.#state
  }
  /** Jobs whose handlers run now. */
  get runningCount(): number {
    return this.#claimer?.runningCount ?? 0
  }

  /**
   * Starts, waits for SIGTERM or SIGINT, drains and closes Kerja. A second signal exits at once.
   * @throws what `start` throws
   */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#endRun = resolve
    })
    await runUntilSignal({
      start: () => this.start(),
      stop: () => this.stop(),
      close: this.#parts.close,
      ended,
      leftBehind: () => this.#executor?.unendedCount ?? 0,
      logger: this.#parts.logger,
    })
  }

  /**
   * Registers and begins to claim.
   * @throws {WORKER_STATE} when started or stopped before · {UNSUPPORTED} the backend keeps no schedules, or a handler's timeout is over its limit · {BACKEND_UNAVAILABLE} {STORE_…}
   */
  async start(): Promise<void> {
    if (this.#state !== 'idle')
      throw new KerjaError('WORKER_STATE', `This worker is ${this.#state}; it can be started once. Make a new one with kerja.worker(…).`)
    this.#state = 'starting'
    this.#starting = this.#start()
    await this.#starting
  }

  async #start(): Promise<void> {
    try {
      this.#backend = await this.#parts.open()
      refuseUnable(this.#backend, this.#options)
      this.#assemble()
      await this.#register()
      await declareSchedules(this.#backend, this.#options, this.#parts)
      if (this.#stopped !== undefined)
        throw new KerjaError('WORKER_STATE', 'This worker was stopped while it started. Make a new one with kerja.worker(…).')
    } catch (error) {
      this.#state = 'stopped'
      await this.#leave()
      throw error
    }
    this.#state = 'running'
    this.#stopListening = this.#backend.queue.listen({ available: () => this.#claimer.wake() })
    this.#duties?.start()
    this.#claimer.pump()
    this.#parts.events.emit('worker.started', { workerId: this.#id })
    // For whoever started this file and cannot reach its Kerja, such as the command line.
    channel('kerja.worker.started').publish({ workerId: this.#id })
    this.#parts.logger.info('worker started', { workerId: this.#id, kinds: [...this.#options.handlers.keys()], backend: this.#backend.location })
  }

  /**
   * Stops claiming, waits up to `shutdownGrace` for running handlers, aborts those left, gives their jobs back without burning an attempt.
   * Enqueueing through the same Kerja goes on. Idempotent; never longer than the grace plus a few seconds, even with the backend away.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #drain(): Promise<void> {
    // `#start` sees that a stop was asked for and leaves; one that hangs is left behind.
    if (this.#state === 'starting') await within(Promise.resolve(this.#starting), this.#options.shutdownGraceMs)
    if (this.#state !== 'running') {
      if (this.#state === 'starting') await this.#leave()
      this.#state = 'stopped'
      return
    }
    clearTimeout(this.#reviveTimer)
    this.#state = 'draining'
    this.#stopListening?.()
    const deadlineMs = performance.now() + this.#options.shutdownGraceMs
    this.#prefetch.clear()
    await within(this.#claimer.close(), this.#options.shutdownGraceMs)
    // A registration under way starts leases that must be there to be stopped.
    await within(Promise.resolve(this.#reviving), DEFAULTS.worker.abortGraceMs)
    await this.#untilEmpty(deadlineMs - performance.now())
    if (this.runningCount > 0) {
      this.#executor.abortAll((job) => new KerjaError('WORKER_STATE', `The worker stops and job ${job.jobId} has not ended within its grace.`))
      await this.#untilEmpty(DEFAULTS.worker.abortGraceMs)
      this.#executor.releaseAll()
      this.#turn()
    }
    await within(this.#recorder.flush(), DEFAULTS.worker.abortGraceMs)
    await this.#settler.drained(DEFAULTS.worker.abortGraceMs)
    this.#settler.abandon()
    await this.#leave()
    this.#state = 'stopped'
    this.#endRun?.()
    this.#parts.events.emit('worker.stopped', { workerId: this.#id })
    this.#parts.logger.info('worker stopped', { workerId: this.#id })
  }

  /** Never throws, and takes no longer than the store needs or `abortGraceMs`. */
  async #leave(): Promise<void> {
    const limitMs = DEFAULTS.worker.abortGraceMs / 2
    // Together: beats must end even if a duty hangs, or a worker that is gone would keep its leases.
    await within(Promise.all([this.#duties?.stop(), this.#leases?.stop()]), limitMs)
    if (this.#leases !== undefined) await within(deregister(this.#backend, this.#id), limitMs)
  }

  #untilEmpty(limitMs: number): Promise<void> {
    if (this.runningCount === 0) return Promise.resolve()
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    return within(empty, limitMs)
  }

  #assemble(): void {
    const { queue, ledger } = this.#backend
    const { events, logger, producer } = this.#parts
    const onTrouble = (error: unknown): void => this.#trouble(error)
    this.#settler = createSettler({
      settle: queue.settle.bind(queue),
      onTrouble,
      onAcknowledged: () => this.#claimer.resume(),
      unwritable: (settlement, error) => asUnwritable(settlement, toJobFailure(error)),
    })
    this.#recorder = createRecorder({
      record: recordOf(this.#backend, logger),
      now: () => monotonicMs() + this.#storeAheadMs,
      onLost: (jobId, token) => this.#executor.lose(jobId, token, 'its progress was refused'),
      onTrouble,
    })
    this.#executor = new Executor({
      handlers: this.#options.handlers,
      settler: this.#settler,
      recorder: this.#recorder,
      services: { producer, recorder: this.#recorder, settleIn: (settlement, tx) => this.#settleIn(settlement, tx) },
      events,
      logger,
      random: Math.random,
      onDone: (job, runMs) => this.#done(job, runMs),
      onOverrun: (count) => this.#overrun(count),
      holds: async (job) => {
        const [record] = await ledger.get([job.jobId])
        return record?.state === 'completed' && record.token === job.token
      },
    })
    this.#prefetch = new Prefetch({
      concurrency: this.#options.concurrency,
      start: (job, claimedAtMs) => this.#executor.start(job, claimedAtMs),
      giveBack: (jobs) => this.#giveBack(jobs),
      now: monotonicMs,
    })
    this.#claimer = this.#createClaimer(onTrouble)
    const holders = [this.#executor, this.#prefetch]
    this.#strays = createStrays({ holders, claimer: this.#claimer, settler: this.#settler, logger, now: monotonicMs })
    this.#duties = createWorkerDuties({
      backend: this.#backend,
      handlers: this.#options.handlers,
      workerId: () => this.#id,
      parts: this.#parts,
      onTrouble,
    })
  }

  #createClaimer(onTrouble: (error: unknown) => void): Claimer {
    const { handlers, concurrency, queues } = this.#options
    return new Claimer({
      workerId: () => this.#id,
      concurrency,
      queues,
      kinds: claimKindsOf(handlers),
      claim: (request) => this.#backend.queue.claim(request),
      onJobs: (jobs) => this.#begin(jobs),
      onTrouble,
      // Unacknowledged ends beyond one round of slots mean that the store does not keep up: claiming more would only pile up more.
      mayClaim: () => !this.#leasesStale && this.#settler.pendingCount <= 2 * (concurrency + this.#prefetch.allowance),
      allowance: () => this.#prefetch.allowance,
      random: Math.random,
      now: monotonicMs,
      askToDrain: askToDrainOf(this.#backend, () => this.#id, Math.random),
    })
  }

  #settleIn(settlement: Settlement, tx: unknown): SettleResult | Promise<SettleResult> {
    const { settle, settleSync } = this.#backend.queue
    if (settleSync !== undefined) return settleSync([settlement], { tx })[0] as SettleResult
    return settle([settlement], { tx }).then(([result]) => result as SettleResult)
  }

  async #register(): Promise<void> {
    await register(this.#backend, this.#id, this.#options)
    this.#leases = createLeaseKeeper({
      source: this.#backend.queue.heartbeat,
      workerId: this.#id,
      heartbeatMs: DEFAULTS.worker.heartbeatMs,
      leaseMs: DEFAULTS.worker.leaseMs,
      onBeat: (result, askedAtMs) => this.#onBeat(result, askedAtMs),
      onStale: (why, died) => this.#onStale(why, died),
      onTrouble: (message) => this.#trouble(new KerjaError('BACKEND_UNAVAILABLE', `A heartbeat failed: ${message}`)),
    })
    await this.#leases.start()
    this.#leasesStale = false
  }

  #onBeat(result: BeatResult, askedAtMs: number): void {
    if (!result.alive) {
      this.#revive('the store has declared this worker dead')
      return
    }
    if (this.#leasesStale && this.#reviving === undefined) {
      this.#leasesStale = false
      this.#claimer.wake()
      this.#turn()
    }
    this.#executor.compare(result, askedAtMs)
    this.#strays.look(result)
  }

  /** Handlers must not outlive their leases: they are told to stop before others may start their jobs. */
  #onStale(why: string, died: boolean): void {
    this.#leasesStale = true
    this.#prefetch.clear()
    this.#parts.logger.error('this worker cannot renew its leases; running handlers are told to stop', { workerId: this.#id, why })
    this.#executor.abortAll((job) => new LeaseLostError(job.jobId, why))
    if (died) this.#revive(why)
  }

  /** Goes on under a new id: the old one is dead for good. */
  #revive(why: string): void {
    this.#prefetch.clear()
    this.#executor.abortAll((job) => new LeaseLostError(job.jobId, why))
    if (this.#reviving !== undefined || this.#state !== 'running') return
    this.#leasesStale = true
    this.#parts.logger.warn('this worker registers anew', { workerId: this.#id, why })
    const attempt = async (): Promise<void> => {
      await this.#leases?.stop().catch((error) => this.#trouble(error))
      if (this.#state !== 'running') return
      this.#id = this.#parts.createId()
      await this.#register()
      // While it counted as dead, another worker may have removed the schedules that only this one declares.
      await declareSchedules(this.#backend, this.#options, this.#parts)
    }
    this.#reviving = attempt().then(
      () => {
        this.#reviving = undefined
        this.#reviveWaitMs = 0
        if (this.#state !== 'running') return
        this.#parts.events.emit('worker.started', { workerId: this.#id })
        this.#claimer.wake()
        this.#turn()
      },
      (error) => {
        this.#reviving = undefined
        this.#trouble(error)
        // It keeps the process alive: with its leases gone, a worker that waits for its store may have nothing else that does.
        const { retryFirstMs, retryMaxMs } = DEFAULTS.worker
        this.#reviveWaitMs = Math.min(Math.max(this.#reviveWaitMs * 2, retryFirstMs), retryMaxMs)
        if (this.#state === 'running') this.#reviveTimer = setTimeout(() => this.#revive(why), this.#reviveWaitMs)
      },
    )
  }

  #begin(jobs: readonly ClaimedJob[]): void {
    const now = monotonicMs()
    this.#storeAheadMs = (jobs[0]?.claimedAt ?? now) - now
    if (this.#state === 'running' && !this.#leasesStale) this.#prefetch.accept(jobs, now)
    // They were claimed before the stop.
    else this.#giveBack(jobs)
  }

  /** Un-run they cost nothing. */
  #giveBack(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) {
      const { jobId: id, kind, queue } = job
      this.#settler.add({ lease: job, outcome: 'release' }, (result) => {
        if (result === 'settled') this.#parts.events.emit('job.released', { id, kind, queue })
      })
      this.#freed(job)
    }
  }

  #done(job: ClaimedJob, runMs: number): void {
    this.#prefetch.ended(runMs)
    this.#freed(job)
  }

  /** The job is no longer this worker's. */
  #freed(job: ClaimedJob): void {
    this.#claimer.release(job)
    if (this.runningCount === 0) this.#whenEmpty?.()
    if (this.#turnPlanned) return
    this.#turnPlanned = true
    // One write for all that ends in this turn of the event loop, with the next claim right behind it: the store makes one commit of both.
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#turnPlanned = false
    this.#settler.flush()
    this.#claimer.pump()
    // Last: the store works on what was just sent while these run.
    this.#prefetch.startWaiting()
  }

  #overrun(count: number): void {
    // A worker whose every slot is held by a handler that does not listen can do nothing any more, however few they are.
    if (this.#state !== 'running' || count < Math.min(DEFAULTS.worker.overrunsMax, this.#options.concurrency)) return
    const isRun = this.#endRun !== undefined
    // After `start()` the process is the application's: it is told by worker.stopped, and by the log.
    if (isRun) process.exitCode = 1
    const what = isRun ? 'drains and exits for a restart' : 'drains and stops; start another'
    this.#parts.logger.error(`too many handlers ignore their timeout; this worker ${what}`, { workerId: this.#id, count })
    void this.stop()
  }

  #trouble(error: unknown): void {
    this.#parts.events.emit('worker.trouble', { workerId: this.#id, error })
    const code = isKerjaError(error) ? error.code : undefined
    this.#parts.logger.warn('a call to the backend failed; it is tried again', { workerId: this.#id, code, error: toJobFailure(error).message })
  }
}
