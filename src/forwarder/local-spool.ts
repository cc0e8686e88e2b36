/** The spool of one Kerja, what drains it, and how both stand. */
import type { Backend } from '../contract/backend.js'
import type { NewJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { isKerjaError, KerjaError } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'
import type { SpoolStatus } from '../observe/spool-status.js'
import { createSpoolFiles } from '../spool/spool.js'
import { createSpoolDrain } from './spool-drain.js'

export interface LocalSpoolOptions {
  readonly path: string
  readonly maxBytes: number
  readonly ephemeral: boolean
  readonly open: () => Promise<Backend>
  readonly now: () => number
  readonly random: () => number
  readonly events: EventHub
  readonly logger: Logger
  readonly onAnswered: () => void
}

export interface LocalSpool {
  start(): void
  /** @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} */
  write(jobs: readonly NewJob[]): Promise<void>
  jobCount(): number
  stats(): Omit<SpoolStatus, 'state'>
  /** Never throws. */
  close(): Promise<void>
}

/** Small spools have small files: what is drained is free again when its file is. */
const FILES_MIN = 16

export function createLocalSpool(options: LocalSpoolOptions): LocalSpool {
  const { path, maxBytes, ephemeral, now, random, events, logger } = options
  const { fileBytesMax, staleMs } = DEFAULTS.spool
  /** Of draining; and of writing, which nothing tells that drains. */
  let trouble: SpoolStatus['trouble'] = null
  let writeTrouble: SpoolStatus['trouble'] = null
  let closed = false
  const onDamaged = ({ file, bytes }: { readonly file: string; readonly bytes: number }): void => {
    logger.error('bytes of the spool are no job: they were set aside', { file, bytes })
    events.emit('spool.aside', { file, reason: 'damaged' })
  }
  const spool = createSpoolFiles({
    path,
    maxBytes,
    ephemeral,
    segmentBytes: Math.min(fileBytesMax, Math.floor(maxBytes / FILES_MIN)),
    staleMs,
    now,
    onDamaged,
  })
  const onSound = (): void => {
    trouble = null
    writeTrouble = null
  }
  const drain = createSpoolDrain({ spool, open: options.open, random, events, onAnswered: options.onAnswered, onSound })

  events.on('spool.began', ({ error }) => logger.warn('the backend is away: jobs go to the spool', { spool: path, ...wordsOf(error) }))
  events.on('spool.ended', ({ jobCount }) => logger.info('the backend answers again, and the spool is drained', { spool: path, jobCount }))
  events.on('spool.aside', (event) => {
    if (event.reason === 'damaged') return
    const { file, jobId, error } = event
    logger.error('the backend refuses a spooled job: it was set aside', { file, jobId, ...wordsOf(error) })
  })
  events.on('spool.trouble', ({ error }) => {
    const next = factsOf(error)
    // The same again at each try is no news.
    if (trouble?.code !== next.code) logger.warn('the spool is not drained for now', { spool: path, ...wordsOf(error) })
    trouble = next
  })

  return {
    start: drain.start,
    async write(jobs) {
      if (closed) throw new KerjaError('BACKEND_CLOSED', 'This Kerja instance was closed. Make a new one with `new Kerja(…)`.')
      try {
        await spool.write(jobs)
        writeTrouble = null
      } catch (error) {
        const next = factsOf(error)
        if (writeTrouble?.code !== next.code) logger.error('the spool takes no jobs', { spool: path, ...wordsOf(error) })
        writeTrouble = next
        throw error
      }
      drain.wake()
    },
    jobCount: () => spool.facts().jobCount,
    stats() {
      const { jobCount, bytes, oldestAt, asideCount } = spool.facts()
      return {
        jobCount,
        bytes,
        maxBytes,
        oldestAgeMs: oldestAt === null ? null : Math.max(0, now() - oldestAt),
        asideCount,
        trouble: writeTrouble ?? trouble,
      }
    },
    async close() {
      closed = true
      await drain.close()
      await spool.close()
    },
  }
}

/** A logger has a message of its own. */
const wordsOf = (error: unknown): Readonly<Record<string, unknown>> => {
  const { code, message } = factsOf(error)
  return { code, error: message }
}

const factsOf = (error: unknown): { readonly code: string; readonly message: string } => ({
  code: isKerjaError(error) ? error.code : 'INTERNAL',
  message: error instanceof Error ? error.message : String(error),
})
