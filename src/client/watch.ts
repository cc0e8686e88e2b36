/**
 * Follows one job as a stream of events: first a snapshot, then what changes, until the job ends.
 *
 * A slow consumer never piles up memory: between two events only the newest state is kept, so states the job merely passed through may not be seen.
 */
import type { JobRecord } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { isTerminal } from '../core/state.js'
import { rejectUnknown } from '../core/suggest.js'
import type { AnyJob } from '../define/job.js'
import { passesByItself } from '../errors.js'
import type { Connection } from './connection.js'
import type { JobFollowing } from './follow.js'
import { checkId, checkJob, checkSignal } from './options.js'
import { checkKind, notFound } from './result.js'
import { type Job, type JobProgressView, type LogLineView, toLogLine, toProgress } from './view.js'

export type WatchEvent<Payload = unknown, Returned = unknown> =
  | { readonly type: 'state'; readonly job: Job<Payload, Returned> }
  | { readonly type: 'progress'; readonly progress: JobProgressView }
  | { readonly type: 'log'; readonly line: LogLineView }

export interface WatchOptions {
  /** Ends the watching: the iteration throws the signal's reason. The job goes on. */
  readonly signal?: AbortSignal
}

export interface WatchParts {
  readonly connection: Connection
  readonly following: JobFollowing
  readonly toTypedJob: (job: AnyJob, record: JobRecord) => Promise<Job>
}

export interface WatchRequest {
  readonly job: AnyJob
  readonly id: string
  readonly options: WatchOptions
}

/** @throws {JOB_NOT_FOUND} {OPTION_INVALID} {BACKEND_CLOSED}, or the signal's reason, from the iteration */
export async function* watchJob(parts: WatchParts, { job, id: givenId, options }: WatchRequest): AsyncGenerator<WatchEvent, void, undefined> {
  checkJob(job)
  const id = checkId(givenId, 'id')
  rejectUnknown(options, ['signal'], 'watch')
  const signal = checkSignal(options.signal)
  signal?.throwIfAborted()
  const mailbox = createMailbox(id, parts.following, signal)
  const log = createLogReader(parts.connection, id)
  let seen: JobRecord | null = null
  try {
    while (seen === null || !isTerminal(seen.state) || log.isBehind()) {
      const record: JobRecord = await mailbox.next()
      if (seen === null) {
        checkKind(job, record)
        yield { type: 'state', job: await parts.toTypedJob(job, record) }
      }
      // The lines are read after the record, so an ended job's are complete before its end is told.
      for await (const line of log.newLines()) yield { type: 'log', line }
      if (seen !== null && record.progress !== null && progressMoved(seen, record)) yield { type: 'progress', progress: toProgress(record.progress) }
      if (seen !== null && stateMoved(seen, record)) yield { type: 'state', job: await parts.toTypedJob(job, record) }
      seen = record
    }
  } finally {
    mailbox.close()
  }
}

const stateMoved = (from: JobRecord, to: JobRecord): boolean =>
  from.state !== to.state || from.attempt !== to.attempt || from.holdReason !== to.holdReason || from.token !== to.token || from.runAt !== to.runAt

const progressMoved = (from: JobRecord, to: JobRecord): boolean =>
  from.progress?.at !== to.progress?.at || from.progress?.fraction !== to.progress?.fraction || from.progress?.message !== to.progress?.message

function createLogReader(connection: Connection, id: string) {
  const limit = DEFAULTS.ledger.pageJobsMax
  let after = 0
  let behind = false
  const read = async () => {
    try {
      return await (await connection.open()).ledger.logs(id, { limit, after })
    } catch (error) {
      if (!passesByItself(error)) throw error
      // As with the record itself: an outage is waited out, at the pace of the poller.
      return null
    }
  }
  return {
    /** Lines could not be read, and are not lost: ask again. */
    isBehind: () => behind,
    newLines: async function* () {
      for (let full = true; full; ) {
        const page = await read()
        behind = page === null
        if (page === null) return
        after = page.next
        full = page.lines.length === limit
        for (const line of page.lines) yield toLogLine(line)
      }
    },
  }
}

/** Holds the newest unread record, or the end. */
function createMailbox(id: string, following: JobFollowing, signal: AbortSignal | null) {
  let record: JobRecord | null = null
  let ending: { readonly error: unknown } | null = null
  let wake: (() => void) | null = null
  const arrived = () => {
    wake?.()
    wake = null
  }
  const end = (error: unknown) => {
    ending ??= { error }
    arrived()
  }
  const onAbort = () => end(signal?.reason)
  const stop = following.follow(id, {
    onRecord: (newest) => {
      if (newest === null) return end(notFound(id))
      record = newest
      arrived()
    },
    onError: end,
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  return {
    next: async (): Promise<JobRecord> => {
      while (true) {
        if (ending !== null) throw (ending as { readonly error: unknown }).error
        if (record !== null) {
          const newest: JobRecord = record
          record = null
          return newest
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    close: () => {
      stop()
      signal?.removeEventListener('abort', onAbort)
    },
  }
}
