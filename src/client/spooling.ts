/**
 * Where an enqueued job goes: to the backend, or to the spool while that is away.
 *
 * States: direct → (a call to the backend failed, and the spool took its jobs) → spooling: jobs go to the spool at once → (a spooled batch has
 * arrived at the backend) → direct. With `mode: 'always'` jobs go to the spool in either state.
 *
 * A job whose direct call was not answered may be stored already: it is spooled under the same id, and merges.
 */
import type { NewJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { isKerjaError, KerjaError, type KerjaErrorCode } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import { createCoalescer } from './coalesce.js'
import type { WriteOutcome } from './isolate.js'

/** What the producer needs of a spool. */
export interface SpoolWriter {
  /** From the first use on. Idempotent. */
  start(): void
  /** Resolves when the jobs are on disk. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} */
  write(jobs: readonly NewJob[]): Promise<void>
  /** Jobs that are to be drained. */
  jobCount(): number
}

export interface SpoolingOptions {
  readonly spool: SpoolWriter
  readonly mode: 'outage' | 'always'
  readonly timeoutMs: number
  readonly events: Pick<EventHub, 'emit'>
}

export interface Spooling {
  /** Whether the job goes to the spool without asking the backend. */
  isFirst(job: NewJob): boolean
  /** Spools such a job, or pushes it by `direct` when the spool takes none. @throws what `direct` throws, {SPOOL_FULL} {SPOOL_UNAVAILABLE} */
  spool<Answer>(job: NewJob, direct: () => Promise<Answer>): Promise<Answer | Spooled>
  /** Spools a job whose direct push failed with this error. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} and the error, where that is no outage */
  instead(job: NewJob, error: unknown): Promise<Spooled>
  /** Pushes many jobs at once, by `direct` or to the spool. Never rejects. */
  pushMany(
    jobs: readonly NewJob[],
    direct: (jobs: readonly NewJob[]) => Promise<readonly WriteOutcome[]>,
  ): Promise<readonly (WriteOutcome | Spooled)[]>
  /** The backend answers. */
  answered(): void
  isSpooling(): boolean
  /** Resolves when nothing is on its way to the spool. */
  idle(): Promise<void>
}

/** The job is on the local disk. */
export interface Spooled {
  readonly status: 'spooled'
  readonly id: string
}

/** The backend is away, busy, full or locked up: it may take the job later. Others (no driver, no backend named) are the program's own faults. */
const SPOOLED_ON: readonly KerjaErrorCode[] = [
  'BACKEND_UNAVAILABLE',
  'STORE_LOCKED',
  'STORE_FULL',
  'STORE_CORRUPT',
  'STORE_READ_ONLY',
  'STORE_DENIED',
  'STORE_VERSION',
  'ENQUEUE_TIMEOUT',
  'ENQUEUE_OVERLOAD',
]
const isSpooledOn = (error: unknown): error is KerjaError => isKerjaError(error) && SPOOLED_ON.includes(error.code)

export function createSpooling({ spool, mode, timeoutMs, events }: SpoolingOptions): Spooling {
  let spooling = false
  /** While the backend is away: a job that the spool does not take asks it. */
  let asking = false
  const coalescer = createCoalescer({
    write: async (jobs) => {
      // With mode 'always' nothing else may have used the backend yet.
      spool.start()
      await spool.write(jobs)
      return jobs.map(({ id }) => ({ status: 'created', id }))
    },
    pendingJobsMax: DEFAULTS.enqueue.pendingJobsMax,
    jobsMax: DEFAULTS.spool.writeJobsMax,
    charactersMax: DEFAULTS.enqueue.batchCharactersMax,
    batchesInFlightMax: 1,
    timeoutMs,
  })

  /** Whether the job was refused by another is for the caller to know at once: it is not spooled. */
  const takes = (job: NewJob): boolean => job.unique?.whenTaken !== 'reject'
  /** One that replaces goes behind what is spooled, so that an older one does not replace it later. */
  const isFirst = (job: NewJob): boolean =>
    (spooling || mode === 'always' || (job.unique?.whenTaken === 'replace' && spool.jobCount() > 0)) && takes(job)

  function began(error: unknown): void {
    if (spooling) return
    spooling = true
    events.emit('spool.began', { error })
  }

  const write = async (job: NewJob): Promise<Spooled> => {
    await coalescer.push(job)
    return { status: 'spooled', id: job.id }
  }

  /**
   * For what the spool does not take while the backend is away: with a spool that is broken nothing is drained, and so nothing else finds out that
   * the backend is back. One job at a time asks it, and not every one.
   */
  async function askOnce<Answer>(refusal: KerjaError, direct: () => Promise<Answer>): Promise<Answer> {
    if (asking) throw refusal
    asking = true
    try {
      const answer = await direct()
      answered()
      return answer
    } catch (error) {
      throw isSpooledOn(error) ? both(refusal, error) : error
    } finally {
      asking = false
    }
  }

  function answered(): void {
    if (!spooling) return
    spooling = false
    events.emit('spool.ended', { jobCount: spool.jobCount() })
  }

  return {
    isFirst,
    async spool(job, direct) {
      try {
        return await write(job)
      } catch (error) {
        if (!isKerjaError(error)) throw error
        return spooling ? askOnce(error, direct) : direct()
      }
    },
    async instead(job, error) {
      if (!takes(job) || !isSpooledOn(error)) throw error
      const spooled = await write(job).catch((cause: unknown) => {
        throw both(cause, error)
      })
      began(error)
      return spooled
    },
    pushMany: createPushMany({ spool, isFirst, takes, began, askOnce, isSpooling: () => spooling }),
    answered,
    isSpooling: () => spooling,
    idle: coalescer.idle,
  }
}

interface PushManyParts {
  readonly spool: SpoolWriter
  readonly isFirst: (job: NewJob) => boolean
  readonly takes: (job: NewJob) => boolean
  readonly began: (error: unknown) => void
  readonly askOnce: (refusal: KerjaError, direct: () => Promise<void>) => Promise<void>
  readonly isSpooling: () => boolean
}

function createPushMany({ spool, isFirst, takes, began, askOnce, isSpooling }: PushManyParts): Spooling['pushMany'] {
  return async (jobs, direct) => {
    const outcomes = new Map<NewJob, WriteOutcome | Spooled>()
    const toBackend = async (some: readonly NewJob[]): Promise<void> => {
      const answers = some.length === 0 ? [] : await direct(some)
      for (const [index, job] of some.entries()) outcomes.set(job, answers[index] as WriteOutcome)
    }
    const errorOf = (job: NewJob): unknown => {
      const outcome = outcomes.get(job)
      return outcome?.status === 'error' ? outcome.error : undefined
    }
    /** Whether the first of them fails tells whether the backend is back; without it each keeps the refusal of the spool. */
    const ask = async (some: readonly [NewJob, ...NewJob[]], refusal: KerjaError): Promise<void> => {
      const direct = async (): Promise<void> => {
        await toBackend(some)
        if (isSpooledOn(errorOf(some[0]))) throw errorOf(some[0])
      }
      await askOnce(refusal, direct).catch((error: unknown) => {
        for (const job of some) if (errorOf(job) !== undefined) outcomes.set(job, { status: 'error', error })
      })
    }
    await toBackend(jobs.filter((job) => !isFirst(job)))
    const later = jobs.filter((job) => takes(job) && (!outcomes.has(job) || isSpooledOn(errorOf(job))))
    try {
      if (later.length > 0) {
        spool.start()
        await spool.write(later)
      }
      const failed = later.find((job) => outcomes.has(job))
      if (failed !== undefined) began(errorOf(failed))
      for (const job of later) outcomes.set(job, { status: 'spooled', id: job.id })
    } catch (cause) {
      const [first, ...others] = later.filter((job) => !outcomes.has(job))
      for (const job of later) outcomes.set(job, { status: 'error', error: outcomes.has(job) ? both(cause, errorOf(job)) : cause })
      if (first === undefined) return jobs.map((job) => outcomes.get(job) as WriteOutcome)
      if (!isSpooling()) await toBackend([first, ...others])
      else if (isKerjaError(cause)) await ask([first, ...others], cause)
    }
    return jobs.map((job) => outcomes.get(job) as WriteOutcome | Spooled)
  }
}

/** The spool's error, which says what to do, with the backend's: as its cause and in its words. */
function both(cause: unknown, error: unknown): unknown {
  if (!isKerjaError(cause) || !isKerjaError(error)) return cause
  const details = { ...error.details, ...cause.details, backendError: error.code }
  return new KerjaError(cause.code, `${cause.message} What the backend said: ${error.message}`, { cause: error, details })
}
