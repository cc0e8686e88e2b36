/** Collects progress and log lines of running jobs and writes them now and then, fenced. The last progress wins; lines are capped. */

import type { Backend } from '../contract/backend.js'
import type { LeaseRef, LogLine } from '../contract/job.js'
import type { Ledger, LedgerWrite } from '../contract/ledger.js'
import { DEFAULTS } from '../core/options.js'
import type { Logger } from '../observe/logger.js'

export interface Recorder {
  progress(lease: LeaseRef, fraction: number, message: string | null): void
  log(lease: LeaseRef, level: LogLine['level'], message: string): void
  /** Writes what is collected. Call before a job's settlement is sent: afterwards the token is no longer current. */
  flush(): Promise<void>
  /** Whether the job has something unwritten. */
  has(jobId: string): boolean
}

interface Pending {
  readonly lease: LeaseRef
  progress: { readonly fraction: number; readonly message: string | null } | null
  lines: LogLine[]
}

export interface RecorderOptions {
  readonly record: Ledger['record']
  /** The store's clock as far as this process knows it. */
  readonly now: () => number
  /** The write was refused: somebody else holds the job. */
  readonly onLost: (jobId: string, token: number) => void
  readonly onTrouble: (error: unknown) => void
}

export function createRecorder(options: RecorderOptions): Recorder {
  const pending = new Map<string, Pending>()
  let timer: NodeJS.Timeout | undefined

  const collect = (lease: LeaseRef): Pending => {
    let entry = pending.get(lease.jobId)
    if (entry === undefined || entry.lease.token !== lease.token) {
      entry = { lease, progress: null, lines: [] }
      pending.set(lease.jobId, entry)
    }
    timer ??= setTimeout(() => void flush(), DEFAULTS.worker.recordMs)
    return entry
  }

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (pending.size === 0) return
    const writes = [...pending.values()].flatMap(toWrites)
    pending.clear()
    try {
      const results = await options.record(writes, { logLinesMax: DEFAULTS.worker.logLinesMax })
      results.forEach((result, index) => {
        const lease = writes[index]?.lease
        if (result === 'lost' && lease !== undefined) options.onLost(lease.jobId, lease.token)
      })
    } catch (error) {
      // Progress and logs are a view of the work, not the work: they are dropped rather than piled up while the store is away.
      options.onTrouble(error)
    }
  }

  return {
    progress(lease, fraction, message) {
      collect(lease).progress = { fraction, message }
    },
    log(lease, level, message) {
      const entry = collect(lease)
      if (entry.lines.length >= DEFAULTS.worker.logLinesMax) return
      entry.lines.push({ at: options.now(), level, message: message.slice(0, DEFAULTS.worker.logLineCharactersMax) })
    },
    flush,
    has: (jobId) => pending.has(jobId),
  }
}

/** Where they are written. A backend with no record of jobs has no place for them: that is said once, and they are dropped. */
export function recordOf({ name, capabilities, ledger }: Backend, logger: Pick<Logger, 'warn'>): Ledger['record'] {
  if (capabilities.ledger) return (writes, limits) => ledger.record(writes, limits)
  let isSaid = false
  return async (writes) => {
    if (!isSaid) logger.warn('progress and log lines of jobs need a state to be kept in; they are dropped', { backend: name })
    isSaid = true
    return writes.map(() => 'recorded')
  }
}

function toWrites({ lease, progress, lines }: Pending): LedgerWrite[] {
  const writes: LedgerWrite[] = []
  if (progress !== null) writes.push({ lease, progress })
  if (lines.length > 0) writes.push({ lease, lines })
  return writes
}
