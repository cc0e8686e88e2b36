/**
 * A worker: claims jobs, runs their handlers, settles how they ended.
 *
 * States: idle → starting → running → draining → stopped. It cannot be started again; make a new one.
 * A crash in any state leaves claims under a lease that lapses, and nothing else.
 */
import { hostname } from 'node:os'
import type { Backend, BeatResult } from '../contract/backend.js'
import type { ClaimedJob } from '../contract/job.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import { isKerjaError, KerjaError, LeaseLostError } from '../errors.js'
import { createDutyRunner, type DutyRunner } from '../maintenance/duty.js'
import { createExpire } from '../maintenance/expire.js'
import { createRescue } from '../maintenance/rescue.js'
import { createRetention } from '../maintenance/retention.js'
import { createScheduler } from '../scheduler/scheduler.js'
import { VERSION } from '../version.js'
import { Claimer } from './claimer.js'
import { Executor } from './executor.js'
import { createLeaseKeeper, type LeaseKeeper } from './lease-keeper.js'
import { monotonicMs } from './lease-thread.js'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.js'
import type { WorkerParts } from './parts.js'
import { createRecorder, type Recorder } from './recorder.js'
import { asUnwritable, createSettler, type Settler } from './settler.js'
import { runUntilSignal } from './shutdown.js'

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
  #claimer!: Claimer
  #leases: LeaseKeeper | undefined
  #duties: DutyRunner | undefined
  #stopListening: (() => void) | undefined
  #turnPlanned = false
  #leasesStale = false
  #reviving: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #wantsRestart: (() => void) | undefined

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
    const restart = new Promise<void>((resolve) => {
      this.#wantsRestart = resolve
    })
    await runUntilSignal({ start: () => this.start(), stop: () => this.stop(), close: this.#parts.close, restart, logger: this.#parts.logger })
  }

  /**
   * Registers and begins to claim.
   * @throws {WORKER_STATE} when started before · {UNSUPPORTED} when a handler's timeout is over the backend's limit · {BACKEND_UNAVAILABLE} {STORE_…}
   */
  async start(): Promise<void> {
    if (this.#state !== 'idle')
      throw new KerjaError('WORKER_STATE', `This worker is ${this.#state}; it can be started once. Make a new one with kerja.worker(…).`)
    this.#state = 'starting'
    try {
      this.#backend = await this.#parts.open()
      this.#checkTimeouts()
      this.#assemble()
      await this.#register()
      await this.#declareSchedules()
    } catch (error) {
      this.#state = 'stopped'
      await this.#leases?.stop()
      throw error
    }
    this.#state = 'running'
    this.#stopListening = this.#backend.queue.listen({ available: () => this.#claimer.wake() })
    this.#duties?.start()
    this.#claimer.pump()
    this.#parts.events.emit('worker.started', { workerId: this.#id })
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
    if (this.#state !== 'running') {
      this.#state = 'stopped'
      return
    }
    this.#state = 'draining'
    this.#stopListening?.()
    const deadlineMs = performance.now() + this.#options.shutdownGraceMs
    await within(this.#claimer.close(), this.#options.shutdownGraceMs)
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
    await within(this.#leave(), DEFAULTS.worker.abortGraceMs)
    this.#state = 'stopped'
    this.#parts.events.emit('worker.stopped', { workerId: this.#id })
    this.#parts.logger.info('worker stopped', { workerId: this.#id })
  }

  async #leave(): Promise<void> {
    await this.#duties?.stop()
    await this.#leases?.stop()
    await this.#backend.coordination.deregisterWorker(this.#id).catch((error) => this.#trouble(error))
  }

  #whenEmpty: (() => void) | undefined

  #untilEmpty(limitMs: number): Promise<void> {
    if (this.runningCount === 0) return Promise.resolve()
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    return within(empty, limitMs)
  }

  #checkTimeouts(): void {
    const { leaseMsMax } = this.#backend.capabilities
    if (leaseMsMax === null) return
    for (const { job } of this.#options.handlers.values()) {
      const { timeoutMs } = job.options
      if (timeoutMs !== null && timeoutMs <= leaseMsMax) continue
      throw new KerjaError(
        'UNSUPPORTED',
        `Job kind '${job.kind}' may run ${timeoutMs ?? 'for ever'} ms, but one run on ${this.#backend.name} lasts at most ${leaseMsMax} ms. Lower its timeout or add a state.`,
      )
    }
  }

  #assemble(): void {
    const { queue, ledger } = this.#backend
    const { events, logger, producer } = this.#parts
    const onTrouble = (error: unknown): void => this.#trouble(error)
    const settle = queue.settle.bind(queue)
    this.#settler = createSettler({
      settle,
      onTrouble,
      onAcknowledged: () => this.#claimer.pump(),
      unwritable: (settlement, error) => asUnwritable(settlement, toJobFailure(error)),
    })
    this.#recorder = createRecorder({
      record: (writes, limits) => ledger.record(writes, limits),
      now: () => Date.now(),
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
      onDone: (job) => this.#done(job),
      onOverrun: (count) => this.#overrun(count),
      holds: async (job) => {
        const [record] = await ledger.get([job.jobId])
        return record?.state === 'completed' && record.token === job.token
      },
    })
    this.#claimer = this.#createClaimer(onTrouble)
    this.#duties = this.#createDuties(onTrouble)
  }

  #createClaimer(onTrouble: (error: unknown) => void): Claimer {
    const { handlers, concurrency, queues } = this.#options
    const grace = DEFAULTS.worker.leaseGraceMs
    return new Claimer({
      workerId: () => this.#id,
      concurrency,
      queues,
      kinds: [...handlers.values()].map(({ job }) => ({
        kind: job.kind,
        version: job.version,
        leaseMs: job.options.timeoutMs === null ? null : job.options.timeoutMs + grace,
      })),
      claim: (request) => this.#backend.queue.claim(request),
      onJobs: (jobs) => {
        const now = monotonicMs()
        for (const job of jobs) this.#executor.start(job, now)
      },
      onTrouble,
      // Unacknowledged ends beyond one round of slots mean that the store does not keep up: claiming more would only pile up more.
      mayClaim: () => !this.#leasesStale && this.#settler.pendingCount <= 2 * concurrency,
      random: Math.random,
      askToDrain: () => this.#backend.coordination.lead({ role: 'suspects', workerId: this.#id, ttlMs: DEFAULTS.worker.suspectDrainMs }),
    })
  }

  #createDuties(onTrouble: (error: unknown) => void): DutyRunner {
    const { queue, ledger, coordination } = this.#backend
    const { events, logger, toTickJob } = this.#parts
    const backoffOf = (kind: string) => this.#options.handlers.get(kind)?.job.options.backoff
    return createDutyRunner({
      duties: [
        createRescue({ backend: this.#backend, backoffOf, random: Math.random, events, logger }),
        createScheduler({ coordination, toTickJob, events }),
        createExpire(queue),
        createRetention(ledger),
      ],
      workerId: () => this.#id,
      coordination,
      random: Math.random,
      onTrouble,
    })
  }

  #settleIn(settlement: Parameters<Backend['queue']['settle']>[0][number], tx: unknown) {
    const { settle, settleSync } = this.#backend.queue
    if (settleSync !== undefined) return settleSync([settlement], { tx })[0] as 'settled' | 'lost' | 'superseded'
    return settle([settlement], { tx }).then((results) => results[0] as 'settled' | 'lost' | 'superseded')
  }

  async #register(): Promise<void> {
    const { handlers, queues, concurrency, name, schedules } = this.#options
    await this.#backend.coordination.registerWorker({
      id: this.#id,
      name: name ?? hostname(),
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      queues: [...queues.keys()],
      kinds: [...handlers.values()].map(({ job }) => ({ kind: job.kind, version: job.version })),
      schedules: schedules.map((schedule) => schedule.name),
      concurrency,
      leaseMs: DEFAULTS.worker.leaseMs,
    })
    this.#leases = createLeaseKeeper({
      source: this.#backend.queue.heartbeat,
      workerId: this.#id,
      heartbeatMs: DEFAULTS.worker.heartbeatMs,
      leaseMs: DEFAULTS.worker.leaseMs,
      onBeat: (result, askedAtMs) => this.#onBeat(result, askedAtMs),
      onStale: (why) => this.#onStale(why),
      onTrouble: (message) => this.#trouble(new KerjaError('BACKEND_UNAVAILABLE', `A heartbeat failed: ${message}`)),
    })
    await this.#leases.start()
    this.#leasesStale = false
  }

  async #declareSchedules(): Promise<void> {
    const { schedules, handlers } = this.#options
    const definitions = await Promise.all(schedules.map((declaration) => this.#parts.toScheduleDefinition(declaration, Date.now())))
    await this.#backend.coordination.upsertSchedules(definitions, { reconcile: { kinds: [...handlers.keys()] } })
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
  }

  /** Handlers must not outlive their leases: they are told to stop before others may start their jobs. */
  #onStale(why: string): void {
    this.#leasesStale = true
    this.#parts.logger.error('this worker cannot renew its leases; running handlers are told to stop', { workerId: this.#id, why })
    this.#executor.abortAll((job) => new LeaseLostError(job.jobId, why))
    if (why.startsWith('the lease thread died')) this.#revive(why)
  }

  /** Goes on under a new id: the old one is dead for good. */
  #revive(why: string): void {
    if (this.#reviving !== undefined || this.#state !== 'running') return
    this.#leasesStale = true
    this.#executor.abortAll((job) => new LeaseLostError(job.jobId, why))
    this.#parts.logger.warn('this worker registers anew', { workerId: this.#id, why })
    const attempt = async (): Promise<void> => {
      await this.#leases?.stop().catch((error) => this.#trouble(error))
      this.#id = this.#parts.createId()
      await this.#register()
    }
    this.#reviving = attempt().then(
      () => {
        this.#reviving = undefined
        this.#claimer.wake()
        this.#turn()
      },
      (error) => {
        this.#reviving = undefined
        this.#trouble(error)
        setTimeout(() => this.#revive(why), DEFAULTS.worker.retryMaxMs).unref()
      },
    )
  }

  #done(job: ClaimedJob): void {
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
  }

  #overrun(count: number): void {
    if (count < DEFAULTS.worker.overrunsMax) return
    this.#parts.logger.error('too many handlers ignore their timeout; this worker drains and exits for a restart', { workerId: this.#id, count })
    process.exitCode = 1
    if (this.#wantsRestart !== undefined) this.#wantsRestart()
    else void this.stop()
  }

  #trouble(error: unknown): void {
    this.#parts.events.emit('worker.trouble', { workerId: this.#id, error })
    const code = isKerjaError(error) ? error.code : undefined
    this.#parts.logger.warn('a call to the backend failed; it is tried again', { workerId: this.#id, code, error: toJobFailure(error).message })
  }
}

/** Resolves when the promise does, or after `limitMs`: shutdown has a deadline even where the backend has none. */
async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, limitMs))
  })
  await Promise.race([promise, limit])
  clearTimeout(timer)
}
