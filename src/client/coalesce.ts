/**
 * Turns many concurrent awaited pushes into few writes, without a timer: the first write leaves in a microtask, and what arrives while the
 * writes are out forms the next one. A busy web server pays one write for many jobs, an idle one waits for nobody. Where the store joins what a turn
 * writes in parts, a full part leaves at once, so that the store works on it while the turn still makes the rest.
 *
 * An entry: pending → sent → settled. One that times out while pending is dropped unsent; one that times out while sent has an unknown outcome.
 * No more than `pendingJobsMax` are pending: a further push is refused, so that an outage cannot fill the memory.
 * A batch holds its place among `batchesInFlightMax` until answered or timed out, so a backend that never answers cannot stop the line for ever.
 */
import type { NewJob, PushResult } from '../contract/job.js'
import { EnqueueTimeoutError, KerjaError } from '../errors.js'
import { createDeadlines, type Timed } from './deadlines.js'
import { type WriteJobs, type WriteOutcome, writeIsolated } from './isolate.js'

export interface CoalesceOptions {
  readonly write: WriteJobs
  readonly pendingJobsMax: number
  /** Jobs in one write. */
  readonly jobsMax: number
  /** Characters of payload in one write; a single larger job goes alone. */
  readonly charactersMax: number
  readonly batchesInFlightMax: number
  /** Jobs that make a part; asked at every push. Default: the turn's jobs leave together. */
  readonly partJobs?: () => number
  readonly timeoutMs: number
}

export interface Coalescer {
  /** Resolves when the job is durable. @throws {ENQUEUE_TIMEOUT} {ENQUEUE_OVERLOAD} and what the write throws */
  push(job: NewJob): Promise<PushResult>
  /** Resolves when nothing is pending or out. */
  idle(): Promise<void>
}

interface Entry extends Timed {
  readonly job: NewJob
  readonly resolve: (result: PushResult) => void
  readonly reject: (error: unknown) => void
  settled: boolean
}

interface Batch extends Timed {
  released: boolean
}

export function createCoalescer(options: CoalesceOptions): Coalescer {
  const { partJobs = () => Number.POSITIVE_INFINITY } = options
  let pending: Entry[] = []
  let flushScheduled = false
  let batchesInFlight = 0
  let idleWaiters: (() => void)[] = []

  const entryDeadlines = createDeadlines<Entry>(options.timeoutMs, (entry) => {
    entry.settled = true
    entry.reject(new EnqueueTimeoutError(entry.job.id, options.timeoutMs))
  })

  const release = (batch: Batch) => {
    if (batch.released) return
    batch.released = true
    batchesInFlight -= 1
    flush()
  }
  const batchDeadlines = createDeadlines<Batch>(options.timeoutMs, release)

  const flush = () => {
    flushScheduled = false
    while (pending.length > 0 && batchesInFlight < options.batchesInFlightMax) sendBatch()
    if (pending.length === 0 && batchesInFlight === 0) {
      for (const resolve of idleWaiters) resolve()
      idleWaiters = []
    }
  }

  const sendBatch = () => {
    const entries = takeBatch()
    if (entries.length > 0) void send(entries)
  }

  const takeBatch = (): Entry[] => {
    const entries: Entry[] = []
    let characters = 0
    let taken = 0
    for (const entry of pending) {
      if (entries.length === options.jobsMax) break
      if (!entry.settled) {
        characters += entry.job.payload.length
        if (characters > options.charactersMax && entries.length > 0) break
        entries.push(entry)
      }
      taken += 1
    }
    pending = taken === pending.length ? [] : pending.slice(taken)
    return entries
  }

  const send = async (entries: readonly Entry[]) => {
    const batch: Batch = { released: false, expiresAt: 0, older: null, newer: null }
    batchesInFlight += 1
    batchDeadlines.add(batch)
    const outcomes = await writeIsolated(
      options.write,
      entries.map((entry) => entry.job),
    )
    batchDeadlines.remove(batch)
    entries.forEach((entry, index) => void settle(entry, outcomes[index] as WriteOutcome))
    release(batch)
  }

  const settle = (entry: Entry, outcome: WriteOutcome) => {
    if (entry.settled) return
    entry.settled = true
    entryDeadlines.remove(entry)
    if (outcome.status === 'error') entry.reject(outcome.error)
    else entry.resolve(outcome)
  }

  return {
    push: (job) =>
      new Promise((resolve, reject) => {
        if (pending.length >= options.pendingJobsMax) return reject(overload(options.pendingJobsMax))
        const isPart = pending.length + 1 >= partJobs()
        const entry: Entry = { job, resolve, reject, settled: false, expiresAt: 0, older: null, newer: null }
        pending.push(entry)
        entryDeadlines.add(entry)
        // The last place is for the rest of the turn, however many they are.
        if (isPart && batchesInFlight < options.batchesInFlightMax - 1) return sendBatch()
        if (flushScheduled || batchesInFlight >= options.batchesInFlightMax) return
        flushScheduled = true
        queueMicrotask(flush)
      }),
    idle: () =>
      new Promise((resolve) => {
        idleWaiters.push(resolve)
        queueMicrotask(flush)
      }),
  }
}

const overload = (pendingJobsMax: number): KerjaError =>
  new KerjaError(
    'ENQUEUE_OVERLOAD',
    `${pendingJobsMax} jobs of this process already wait for the backend, so this one was not taken. Enqueue it again later, or use enqueueMany, which waits.`,
    { details: { pendingJobsMax } },
  )
