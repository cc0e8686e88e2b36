/**
 * Enqueues any number of jobs in slices, giving the event loop a turn between them and whenever a few milliseconds have passed.
 *
 * A slice is validated whole before any of it is written; while one is written the next is validated. Memory is bounded by two slices and the
 * receipts, so an endless source is fine. On a bad entry or a failed write everything stops, and the error's details say how far it got.
 */
import type { NewJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { rejectUnknown } from '../core/suggest.js'
import type { JobRequest, TransactionHandle } from '../define/job.js'
import { EnqueueTimeoutError, isKerjaError, KerjaError, type KerjaErrorCode, quote } from '../errors.js'
import { withTimeout } from './deadlines.js'
import { type WriteJobs, type WriteOutcome, writeIsolated } from './isolate.js'
import { checkJob, checkObject } from './options.js'
import type { Preparer } from './prepare.js'
import { conflictError, type Receipt, toReceipt } from './receipt.js'
import type { Spooled, Spooling } from './spooling.js'

export interface EnqueueManyOptions {
  /** Your open transaction: the jobs exist exactly when you commit. */
  readonly tx?: TransactionHandle
}

export interface EnqueueManyParts {
  readonly preparer: Preparer
  readonly write: WriteJobs
  readonly writeIn: (tx: TransactionHandle) => WriteJobs
  readonly announce: (job: NewJob, receipt: Receipt) => void
  readonly timeoutMs: number
  readonly spooling: Spooling | null
}

type EnqueueMany = (requests: Iterable<JobRequest> | AsyncIterable<JobRequest>, options?: EnqueueManyOptions) => Promise<readonly Receipt[]>

export function createEnqueueMany(parts: EnqueueManyParts): EnqueueMany {
  return async (requests, options = {}) => {
    rejectUnknown(options, ['tx'], 'enqueueMany')
    const receipts: Receipt[] = []
    const write = options.tx === undefined ? parts.write : parts.writeIn(options.tx)
    const durability = options.tx === undefined ? 'queued' : 'in-transaction'
    let writing: Promise<void> = Promise.resolve()
    try {
      for await (const slice of slicesOf(parts.preparer, sourceOf(requests))) {
        await writing
        writing = writeSlice(parts, slice, { write, durability, receipts })
        // Its rejection is met at the next await, which may be turns later.
        writing.catch(() => undefined)
      }
    } finally {
      // Also before a bad entry is reported: by then the slices before it are stored, and if they could not be, that is the error to report.
      await writing
    }
    return receipts
  }
}

interface Slice {
  /** Index of its first entry among all. */
  readonly start: number
  readonly jobs: readonly NewJob[]
}

async function* slicesOf(preparer: Preparer, requests: Iterable<JobRequest> | AsyncIterable<JobRequest>): AsyncGenerator<Slice> {
  let jobs: NewJob[] = []
  let start = 0
  let characters = 0
  let turnBegan = performance.now()
  for await (const request of requests) {
    const job = await prepareEntry(preparer, request, { index: start + jobs.length, sliceStart: start })
    jobs.push(job)
    characters += job.payload.length
    const full = jobs.length === DEFAULTS.enqueue.sliceJobsMax || characters >= DEFAULTS.enqueue.batchCharactersMax
    if (full) {
      yield { start, jobs }
      start += jobs.length
      jobs = []
      characters = 0
    }
    if (full || performance.now() - turnBegan > DEFAULTS.enqueue.turnMs) {
      await turn()
      turnBegan = performance.now()
    }
  }
  if (jobs.length > 0) yield { start, jobs }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function sourceOf(requests: Iterable<JobRequest> | AsyncIterable<JobRequest>): Iterable<JobRequest> | AsyncIterable<JobRequest> {
  const iterable = typeof requests === 'object' && requests !== null && (Symbol.iterator in requests || Symbol.asyncIterator in requests)
  if (iterable) return requests
  throw new KerjaError('OPTION_INVALID', `enqueueMany takes an array or (async) iterable of job.with(payload); got ${quote(requests)}.`)
}

interface EntryPlace {
  readonly index: number
  readonly sliceStart: number
}

async function prepareEntry(preparer: Preparer, request: JobRequest, { index, sliceStart }: EntryPlace): Promise<NewJob> {
  try {
    checkObject(request, 'An entry')
    checkJob(request.job)
    if ((request.options as { tx?: unknown } | undefined)?.tx !== undefined) {
      throw new KerjaError('OPTION_INVALID', 'An entry takes no tx: give it to enqueueMany(requests, { tx }).')
    }
    return await preparer.prepare({ job: request.job, payload: request.payload, options: request.options })
  } catch (error) {
    throw located(error, index, { nextIndex: sliceStart, storedCount: sliceStart, failedIndexes: [index] })
  }
}

/** Where slices go, and the receipts so far. */
interface Target {
  readonly write: WriteJobs
  readonly durability: 'queued' | 'in-transaction'
  readonly receipts: Receipt[]
}

async function writeSlice(parts: EnqueueManyParts, { start, jobs }: Slice, { write, durability, receipts }: Target): Promise<void> {
  const { timeoutMs, spooling } = parts
  const timeoutError = () => new EnqueueTimeoutError(jobs[0]!.id, timeoutMs)
  const direct = (some: readonly NewJob[]): Promise<readonly WriteOutcome[]> =>
    withTimeout(writeIsolated(write, some), timeoutMs, timeoutError).catch((error) => some.map(() => ({ status: 'error', error })))
  const isSpooled = spooling !== null && durability === 'queued'
  const outcomes: readonly (WriteOutcome | Spooled)[] = isSpooled ? await spooling.pushMany(jobs, direct) : await direct(jobs)
  const failedIndexes: number[] = []
  let firstError: unknown
  outcomes.forEach((outcome, offset) => {
    const job = jobs[offset] as NewJob
    if (outcome.status === 'error' || outcome.status === 'conflict') {
      if (failedIndexes.length === 0) firstError = outcome.status === 'error' ? outcome.error : conflictError(job, outcome)
      failedIndexes.push(start + offset)
      return
    }
    const receipt = toReceipt(job, outcome, durability)
    receipts.push(receipt)
    parts.announce(job, receipt)
  })
  if (failedIndexes.length === 0) return
  const noneStored = failedIndexes.length === jobs.length
  throw located(firstError, failedIndexes[0] as number, {
    nextIndex: noneStored ? start : start + jobs.length,
    storedCount: receipts.length,
    failedIndexes,
  })
}

/** How far `enqueueMany` got, in the `details` of its error. */
interface Progress {
  /** Everything before this index was written or is among `failedIndexes`; nothing from it on was. */
  readonly nextIndex: number
  readonly storedCount: number
  readonly failedIndexes: readonly number[]
}

/** The entry's own error as the cause of one that says where it happened. */
function located(error: unknown, index: number, progress: Progress): KerjaError {
  const known = isKerjaError(error)
  const code: KerjaErrorCode = known ? error.code : 'BACKEND_UNAVAILABLE'
  const message = error instanceof Error ? error.message : quote(error)
  return new KerjaError(
    code,
    `Entry ${index} of enqueueMany: ${message} (${progress.storedCount} jobs are stored; see details.nextIndex to go on.)`,
    {
      cause: error,
      details: { ...(known ? error.details : {}), index, ...progress },
    },
  )
}
