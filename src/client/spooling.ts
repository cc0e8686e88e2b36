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

/** How the spool of this process stands. */
export interface SpoolStatus {
  /**
   * `off`: none is configured. `ready`: the backend answers, as far as is known. `spooling`: it is away, and jobs go to the spool.
   * `unusable`: the spool itself cannot be read or written; see `trouble`.
   */
  readonly state: 'off' | 'ready' | 'spooling' | 'unusable'
  /** Jobs that this process has to hand on: its own, and those that it took on from dead ones. */
  readonly jobCount: number
  /** What the files of all processes in the folder take, as last seen. */
  readonly bytes: number
  readonly maxBytes: number
  /** Since the oldest of the jobs was spooled; null without any. */
  readonly oldestAgeMs: number | null
  /** Files with damaged bytes or refused jobs in the folder: look at them with `kerja spool status`. */
  readonly asideCount: number
  /** The last failure to hand jobs on, until one succeeds. */
  readonly trouble: { readonly code: string; readonly message: string } | null
}

/** What this process has taken while the backend was away. */
export interface Spool {
  /** Reads nothing from the disk: for health checks and metrics. */
  stats(): SpoolStatus
}

/** What the producer needs of a spool. */
export interface SpoolWriter {
  /** From the first use on. Idempotent. */
  start(): void
  /** Resolves when the jobs are on disk. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} */
  write(jobs: readonly NewJob[]): Promise<void>
  /** Jobs that are to be handed on. */
  jobCount(): number
  stats(): Omit<SpoolStatus, 'state'>
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

  return {
    isFirst,
    async spool(job, direct) {
      try {
        return await write(job)
      } catch (error) {
        // While the backend is away it is asked by one at a time, and not by every job that the spool does not take.
        if (spooling || !isKerjaError(error)) throw error
        return direct()
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
    async pushMany(jobs, direct) {
      const outcomes = new Map<NewJob, WriteOutcome | Spooled>()
      const toBackend = async (some: readonly NewJob[]): Promise<void> => {
        const answers = some.length === 0 ? [] : await direct(some)
        for (const [index, job] of some.entries()) outcomes.set(job, answers[index] as WriteOutcome)
      }
      const errorOf = (job: NewJob): unknown => {
        const outcome = outcomes.get(job)
        return outcome?.status === 'error' ? outcome.error : undefined
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
        const untried = later.filter((job) => !outcomes.has(job))
        for (const job of later) outcomes.set(job, { status: 'error', error: outcomes.has(job) ? both(cause, errorOf(job)) : cause })
        if (!spooling) await toBackend(untried)
      }
      return jobs.map((job) => outcomes.get(job) as WriteOutcome | Spooled)
    },
    answered() {
      if (!spooling) return
      spooling = false
      events.emit('spool.ended', { jobCount: spool.jobCount() })
    },
    isSpooling: () => spooling,
    idle: coalescer.idle,
  }
}

const OFF: SpoolStatus = Object.freeze({ state: 'off', jobCount: 0, bytes: 0, maxBytes: 0, oldestAgeMs: null, asideCount: 0, trouble: null })

export const createSpoolView = (spool: SpoolWriter | null, spooling: Spooling | null): Spool => ({
  stats() {
    if (spool === null) return OFF
    const status = spool.stats()
    const unusable = status.trouble?.code === 'SPOOL_UNAVAILABLE'
    return { state: unusable ? 'unusable' : spooling?.isSpooling() === true ? 'spooling' : 'ready', ...status }
  },
})

/** The spool's error, which says what to do, with the backend's: as its cause and in its words. */
function both(cause: unknown, error: unknown): unknown {
  if (!isKerjaError(cause) || !isKerjaError(error)) return cause
  const details = { ...error.details, ...cause.details, backendError: error.code }
  return new KerjaError(cause.code, `${cause.message} What the backend said: ${error.message}`, { cause: error, details })
}
