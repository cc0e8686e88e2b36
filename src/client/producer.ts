/** Enqueues: alone (coalesced with whatever else is enqueued meanwhile), many at once, on the caller's transaction, or synchronously. */
import type { NewJob, PushResult } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import type { AnyJob, EnqueueOptions, JobRequest, TransactionHandle } from '../define/job.js'
import { EnqueueTimeoutError, KerjaError, quote, UnsupportedError } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import { createCoalescer } from './coalesce.js'
import type { Connection } from './connection.js'
import { withTimeout } from './deadlines.js'
import { createEnqueueMany, type EnqueueManyOptions } from './enqueue-many.js'
import type { WriteJobs } from './isolate.js'
import type { JobOrigin, PrepareRequest, Preparer } from './prepare.js'
import { type Receipt, toReceipt } from './receipt.js'
import type { Spooled, Spooling } from './spooling.js'

export interface ProducerParts {
  readonly connection: Connection
  readonly preparer: Preparer
  readonly events: EventHub
  readonly enqueueTimeoutMs: number
  /** null: none is configured. */
  readonly spooling: Spooling | null
}

export interface Producer {
  enqueue(job: AnyJob, payload: unknown, options?: EnqueueOptions): Promise<Receipt>
  enqueueMany(requests: Iterable<JobRequest> | AsyncIterable<JobRequest>, options?: EnqueueManyOptions): Promise<readonly Receipt[]>
  enqueueSync(job: AnyJob, payload: unknown, options: EnqueueOptions & { readonly tx: TransactionHandle }): Receipt
  /** Like `enqueue`, from within the run of another job: the id is derived from that run. */
  enqueueAs(job: AnyJob, payload: unknown, options: EnqueueOptions, origin: JobOrigin): Promise<Receipt>
  /** Validates and encodes, without storing. */
  prepareAs(job: AnyJob, payload: unknown, options: EnqueueOptions, origin: JobOrigin): NewJob | Promise<NewJob>
  /** Stores a prepared job. */
  push(job: NewJob): Promise<PushResult>
  /** Resolves when nothing is on its way to the backend. */
  idle(): Promise<void>
}

export function createProducer({ connection, preparer, events, enqueueTimeoutMs, spooling }: ProducerParts): Producer {
  // At once where the backend is open: a part of a turn's jobs is to reach it before the rest is made.
  const write: WriteJobs = (jobs) => connection.opened()?.queue.push(jobs) ?? connection.open().then(({ queue }) => queue.push(jobs))
  const writeIn =
    (tx: TransactionHandle): WriteJobs =>
    async (jobs) =>
      (await connection.open()).queue.push(jobs, { tx })

  const coalescer = createCoalescer({
    write,
    pendingJobsMax: DEFAULTS.enqueue.pendingJobsMax,
    jobsMax: DEFAULTS.enqueue.batchJobsMax,
    charactersMax: DEFAULTS.enqueue.batchCharactersMax,
    batchesInFlightMax: DEFAULTS.enqueue.batchesInFlightMax,
    partJobs: () => connection.opened()?.queue.pushPartJobs ?? Number.POSITIVE_INFINITY,
    timeoutMs: enqueueTimeoutMs,
  })

  const announce = (job: NewJob, receipt: Receipt) => {
    // A job in an open transaction is not durable yet, and whether it ever is only the caller will know.
    const { id, durability, duplicate } = receipt
    const { kind, queue } = job
    if (durability === 'spooled') events.emit('job.spooled', { id, kind, queue })
    else if (durability === 'queued' && events.has('job.enqueued')) events.emit('job.enqueued', { id, kind, queue, duplicate: duplicate === true })
  }

  const calls = createCallCounter()
  const enqueueMany = createEnqueueMany({ preparer, write, writeIn, announce, timeoutMs: enqueueTimeoutMs, spooling })

  const enqueueFrom = async (request: PrepareRequest): Promise<Receipt> => {
    calls.begin()
    try {
      const prepared = preparer.prepare(request)
      const newJob = prepared instanceof Promise ? await prepared : prepared
      const tx = request.options?.tx
      if (tx !== undefined) return toReceipt(newJob, await pushIn(tx, newJob), 'in-transaction')
      // Awaited here and in no function between: at this rate each promise more is felt.
      let result: PushResult | Spooled
      try {
        result = spooling?.isFirst(newJob) === true ? await spooling.spool(newJob, () => coalescer.push(newJob)) : await coalescer.push(newJob)
      } catch (error) {
        if (spooling === null) throw error
        result = await spooling.instead(newJob, error)
      }
      const receipt = toReceipt(newJob, result, 'queued')
      announce(newJob, receipt)
      return receipt
    } finally {
      calls.end()
    }
  }

  const pushIn = async (tx: TransactionHandle, job: NewJob): Promise<PushResult> => {
    const results = await withTimeout(writeIn(tx)([job]), enqueueTimeoutMs, () => new EnqueueTimeoutError(job.id, enqueueTimeoutMs))
    return results[0] as PushResult
  }

  return {
    enqueue: (job, payload, options) => enqueueFrom({ job, payload, options }),
    enqueueMany: (requests, options) => {
      calls.begin()
      return enqueueMany(requests, options).finally(calls.end)
    },
    enqueueSync: (job, payload, options) => {
      const newJob = preparer.prepareSync({ job, payload, options })
      const { tx } = options ?? {}
      if (tx === undefined) {
        throw new KerjaError(
          'TRANSACTION_INVALID',
          'enqueueSync needs { tx }: the SQLite handle on which your transaction is open. Without one, `await kerja.enqueue(…)`.',
        )
      }
      const results = pushSyncOf(connection)([newJob], { tx })
      return toReceipt(newJob, results[0] as PushResult, 'in-transaction')
    },
    enqueueAs: (job, payload, options, origin) => enqueueFrom({ job, payload, options, origin }),
    prepareAs: (job, payload, options, origin) => {
      if (options?.tx === undefined) return preparer.prepare({ job, payload, options, origin })
      throw new KerjaError(
        'OPTION_INVALID',
        `enqueueOnComplete(${quote(job?.kind)}) takes no tx: the job joins the completion. Give tx to ctx.complete.`,
      )
    },
    push: (job) => coalescer.push(job),
    idle: async () => {
      await calls.idle()
      // Jobs that were pushed without a call of enqueue.
      await coalescer.idle()
      await spooling?.idle()
    },
  }
}

function pushSyncOf(connection: Connection) {
  const backend = connection.opened()
  if (backend === null) {
    throw new KerjaError(
      'BACKEND_UNAVAILABLE',
      'enqueueSync cannot open the backend, since opening is asynchronous. Call `await kerja.open()` once when the program starts.',
    )
  }
  const { pushSync } = backend.queue
  if (pushSync !== undefined) return pushSync
  throw new UnsupportedError(backend.name, 'enqueue synchronously', 'Use `await kerja.enqueue(…)`.')
}

/** Counts the calls under way. */
function createCallCounter() {
  let count = 0
  let waiters: (() => void)[] = []
  return {
    begin: () => {
      count += 1
    },
    end: () => {
      count -= 1
      if (count > 0) return
      for (const resolve of waiters) resolve()
      waiters = []
    },
    /** Resolves when no call is under way. */
    idle: (): Promise<void> => (count === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  }
}
