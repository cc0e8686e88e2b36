/** The composition root: what an application makes once, and everything else is reached from. */
import { randomFillSync } from 'node:crypto'
import { createConnection } from './client/connection.js'
import type { EnqueueManyOptions } from './client/enqueue-many.js'
import { createJobFollowing, type JobFollowing } from './client/follow.js'
import { createJobs, type Jobs, toTypedJob } from './client/jobs.js'
import type { AwaitOptions } from './client/options.js'
import { createPreparer, type Preparer } from './client/prepare.js'
import { createProducer, type Producer } from './client/producer.js'
import { createQueues, type Queues } from './client/queues.js'
import type { Receipt } from './client/receipt.js'
import { awaitResult } from './client/result.js'
import { toScheduleDefinition, toTickJob } from './client/schedule-definition.js'
import { createSchedules, type Schedules } from './client/schedules.js'
import { createSpoolView, type Spool } from './client/spool.js'
import { createSpooling, type Spooling } from './client/spooling.js'
import { type WatchEvent, type WatchOptions, watchJob } from './client/watch.js'
import { createWorkers, type Workers } from './client/workers.js'
import { type KerjaConfig, type ResolvedSpoolOptions, resolveKerjaOptions } from './config.js'
import type { Backend, MigrationStep } from './contract/backend.js'
import { createIdGenerator } from './core/id.js'
import { DEFAULTS } from './core/options.js'
import { rejectUnknown } from './core/suggest.js'
import type { AnyJob, EnqueueOptions, Handler, JobRequest, PayloadOf, ReturnedOf, TransactionHandle } from './define/job.js'
import { createLocalSpool, type LocalSpool } from './forwarder/local-spool.js'
import { createEventHub, type EventHub } from './observe/events.js'
import type { Logger } from './observe/logger.js'
import { loadBackend } from './open-backend.js'
import type { WorkerOptions } from './worker/options.js'
import { Worker } from './worker/worker.js'

/**
 * Enqueues jobs, awaits and manages them, and makes workers. Make one per process; it does no I/O until first used.
 * @example
 * const kerja = new Kerja()
 * const receipt = await kerja.enqueue(welcome, { to: 'ana@example.com' })
 */
export class Kerja {
  /** Find, show, change and end jobs. */
  readonly jobs: Jobs
  /** Lengths, latencies, pausing. */
  readonly queues: Queues
  /** Recurring rules. */
  readonly schedules: Schedules
  /** Processes that run jobs. */
  readonly workers: Workers
  /** Jobs that wait on this machine for the backend to come back. */
  readonly spool: Spool
  /** What happens in this process: `on` returns the way to stop listening, `once` a promise. */
  readonly events: Pick<EventHub, 'on' | 'once'>
  readonly #hub: EventHub
  readonly #logger: Logger
  readonly #connection: ReturnType<typeof createConnection>
  readonly #createId: () => string
  readonly #preparer: Preparer
  readonly #producer: Producer
  readonly #following: JobFollowing
  readonly #localSpool: LocalSpool | null
  readonly #ownWorkers = new Set<Worker>()
  #closing: Promise<void> | undefined

  /** @throws {OPTION_UNKNOWN} {OPTION_INVALID} {BACKEND_UNKNOWN} */
  constructor(options: KerjaConfig = {}) {
    const { enqueueTimeoutMs, logger, spool, ...choice } = resolveKerjaOptions(options, 'new Kerja()')
    this.#logger = logger
    this.#hub = createEventHub(logger)
    this.events = { on: this.#hub.on, once: this.#hub.once }
    const connection = createConnection(
      () => loadBackend(choice, logger),
      () => this.#localSpool?.start(),
    )
    this.#connection = connection
    const spoolParts =
      spool === null ? null : createSpoolParts(spool, { open: connection.open, timeoutMs: enqueueTimeoutMs, events: this.#hub, logger })
    const localSpool = spoolParts?.spool ?? null
    this.#localSpool = localSpool
    this.spool = createSpoolView(spoolParts)
    this.#createId = createIdGenerator({ now: Date.now, randomFill: (bytes) => void randomFillSync(bytes) })
    this.#preparer = createPreparer(this.#createId)
    this.#producer = createProducer({
      connection,
      preparer: this.#preparer,
      events: this.#hub,
      enqueueTimeoutMs,
      spooling: spoolParts?.spooling ?? null,
    })
    this.#following = createJobFollowing({ connection, pollMs: DEFAULTS.watch.pollMs, mayCome: () => (localSpool?.jobCount() ?? 0) > 0 })
    this.jobs = createJobs(connection)
    this.queues = createQueues(connection)
    this.schedules = createSchedules({ connection, preparer: this.#preparer, producer: this.#producer, createId: this.#createId })
    this.workers = createWorkers(connection)
  }

  /**
   * Stores a job; resolves when it is on disk. Enqueues made meanwhile share one write.
   * @throws {PAYLOAD_INVALID} {PAYLOAD_LOSSY} {PAYLOAD_TOO_LARGE} {PAYLOAD_TOO_DEEP} {OPTION_UNKNOWN} {OPTION_INVALID} nothing was stored
   * @throws {IDEMPOTENCY_CONFLICT} {UNIQUE_CONFLICT} another job stands in the way
   * @throws {ENQUEUE_TIMEOUT} the outcome is unknown: enqueue again with `{ id: error.jobId }`, which merges
   * @throws {ENQUEUE_OVERLOAD} too many jobs wait for the backend already; nothing was stored
   * @throws {BACKEND_UNAVAILABLE} {BACKEND_CLOSED} {TRANSACTION_INVALID} and the STORE_… codes
   * @example await kerja.enqueue(welcome, { to: 'ana@example.com' }, { delay: '10m', idempotencyKey: 'signup-42' })
   */
  enqueue<J extends AnyJob>(job: J, payload: PayloadOf<J>, options?: EnqueueOptions): Promise<Receipt> {
    return this.#producer.enqueue(job, payload, options)
  }

  /**
   * Stores many jobs, any number of them, without holding the event loop: an array or an (async) iterable of `job.with(payload, options)`.
   * Receipts come in order. Jobs are validated and written in slices; the first bad entry or failed write ends it.
   * @throws what `enqueue` throws, with `details` { index, nextIndex, storedCount, failedIndexes }: what lies before `nextIndex` was stored or is
   * among `failedIndexes`, what lies behind was not. After ENQUEUE_TIMEOUT the slice at `nextIndex` may be stored: give entries an `id` or `idempotencyKey`.
   * @example await kerja.enqueueMany(users.map((user) => welcome.with({ to: user.email })))
   */
  enqueueMany(requests: Iterable<JobRequest> | AsyncIterable<JobRequest>, options?: EnqueueManyOptions): Promise<readonly Receipt[]> {
    return this.#producer.enqueueMany(requests, options)
  }

  /**
   * Stores a job on your open SQLite transaction, at once: for transaction functions that cannot await. The backend must be open: call
   * `await kerja.open()` when the program starts.
   * @throws what `enqueue` throws, and {UNSUPPORTED} where transactions are not synchronous
   * @example db.transaction(() => { insertUser.run(user); kerja.enqueueSync(welcome, { to: user.email }, { tx: db }) })()
   */
  enqueueSync<J extends AnyJob>(job: J, payload: PayloadOf<J>, options: EnqueueOptions & { readonly tx: TransactionHandle }): Receipt {
    return this.#producer.enqueueSync(job, payload, options)
  }

  /**
   * Waits for a job to end and gives its result, parsed by the job's `result` schema. Keeps the process alive meanwhile.
   * @throws {JOB_FAILED} {JOB_CANCELLED} {JOB_NOT_FOUND} {RESULT_TIMEOUT} {RESULT_INVALID} {OPTION_INVALID}, or the signal's reason
   * @example const { url } = await kerja.result(transcode, receipt.id, { timeout: '30s' })
   */
  result<J extends AnyJob>(job: J, id: string, options: AwaitOptions = {}): Promise<ReturnedOf<J>> {
    return awaitResult(this.#following, { job, id, options }) as Promise<ReturnedOf<J>>
  }

  /**
   * Follows a job: a snapshot, then states, progress and log lines until it ends. States it merely passes through may not be seen.
   * @throws {JOB_NOT_FOUND} {OPTION_INVALID} {BACKEND_CLOSED}, or the signal's reason, from the iteration
   * @example for await (const event of kerja.watch(transcode, id)) if (event.type === 'progress') show(event.progress.fraction)
   */
  watch<J extends AnyJob>(job: J, id: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent<PayloadOf<J>, ReturnedOf<J>>, void, undefined> {
    const parts = { connection: this.#connection, following: this.#following, toTypedJob }
    return watchJob(parts, { job, id, options }) as AsyncGenerator<WatchEvent<PayloadOf<J>, ReturnedOf<J>>, void, undefined>
  }

  /**
   * Makes a worker that runs the given handlers; start it with `run()` or `start()`.
   * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {HANDLER_INVALID} {HANDLER_DUPLICATE}
   * @example await kerja.worker({ handlers: [sendWelcome], concurrency: 10 }).run()
   */
  worker<const H extends readonly Handler[]>(options: WorkerOptions<H>): Worker {
    const worker = new Worker(
      {
        open: this.#connection.open,
        producer: this.#producer,
        toScheduleDefinition: (declaration, now) => toScheduleDefinition(declaration, { source: 'worker', now, prepare: this.#preparer.prepare }),
        toTickJob,
        createId: this.#createId,
        events: this.#hub,
        logger: this.#logger,
        close: () => this.close(),
      },
      options,
    )
    this.#ownWorkers.add(worker)
    return worker
  }

  /** Opens the backend now rather than at first use: fails early, and readies `enqueueSync`. @throws {BACKEND_…} {STORE_…} {DRIVER_…} */
  async open(): Promise<void> {
    await this.#connection.open()
  }

  /** Brings the schema up to date, or with `plan` says what that would do. Opening does the same. @throws {BACKEND_…} {STORE_…} {DRIVER_…} */
  async migrate(options: { readonly plan?: boolean } = {}): Promise<readonly MigrationStep[]> {
    rejectUnknown(options, ['plan'], 'migrate()')
    return (await this.#connection.load()).migrate({ apply: options.plan !== true })
  }

  /**
   * Stops the workers it made, lets enqueues under way end, then closes the backend. Idempotent. Every later call throws BACKEND_CLOSED.
   * An `enqueueMany` under way is written to its end: end an endless source first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    // Handlers may still enqueue while they end, so the backend goes last.
    await Promise.all([...this.#ownWorkers].map((worker) => worker.stop()))
    await this.#producer.idle()
    this.#following.close()
    await this.#localSpool?.close()
    await this.#connection.close()
  }
}

interface SpoolParts {
  readonly spool: LocalSpool
  readonly spooling: Spooling
}

/** The spool, and what sends jobs there: each needs the other, since what drains it finds out that the backend answers. */
function createSpoolParts(
  options: ResolvedSpoolOptions,
  { timeoutMs, ...parts }: { readonly open: () => Promise<Backend>; readonly timeoutMs: number; readonly events: EventHub; readonly logger: Logger },
): SpoolParts {
  const onAnswered = (): void => spooling.answered()
  const spool = createLocalSpool({ ...options, ...parts, now: Date.now, random: Math.random, onAnswered })
  const spooling = createSpooling({ spool, mode: options.mode, timeoutMs, events: parts.events })
  return { spool, spooling }
}
