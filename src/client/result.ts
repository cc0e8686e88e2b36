/** Waits for a job to end and gives its typed result, or its end as an error. */
import type { JobRecord } from '../contract/job.js'
import { decode } from '../core/codec.js'
import { isTerminal } from '../core/state.js'
import type { AnyJob } from '../define/job.js'
import { outputOf, runSchema, type Subject } from '../define/validate.js'
import { JobCancelledError, JobFailedError, KerjaError, ResultTimeoutError } from '../errors.js'
import type { JobFollowing } from './follow.js'
import { type AwaitOptions, checkId, checkJob, resolveAwaitOptions } from './options.js'

/** setTimeout fires at once beyond this. */
const TIMER_MS_MAX = 2 ** 31 - 1

export interface AwaitRequest {
  readonly job: AnyJob
  readonly id: string
  readonly options: AwaitOptions
}

/**
 * The result of the job once it has completed.
 * @throws {JOB_FAILED} {JOB_CANCELLED} {JOB_NOT_FOUND} {RESULT_TIMEOUT} {RESULT_INVALID} {OPTION_INVALID}, or the signal's reason
 */
export async function awaitResult(following: JobFollowing, { job, id: givenId, options }: AwaitRequest): Promise<unknown> {
  checkJob(job)
  const id = checkId(givenId, 'id')
  const { timeoutMs, signal } = resolveAwaitOptions(options, 'result')
  signal?.throwIfAborted()
  const record = await ended(following, { id, timeoutMs, signal })
  checkKind(job, record)
  if (record.state === 'failed') throw new JobFailedError(id, record.reason, record.failure)
  if (record.state === 'cancelled') throw new JobCancelledError(id, record.reason ?? 'no reason recorded')
  return parseResult(job, record.result)
}

/** The decoded and parsed result. @throws {RESULT_INVALID} {PAYLOAD_CORRUPT} */
export async function parseResult(job: AnyJob, text: string | null): Promise<unknown> {
  const value = text === null ? undefined : decode(text)
  if (job.result === null) return value
  const subject: Subject = { kind: job.kind, what: 'result', code: 'RESULT_INVALID' }
  return outputOf(await runSchema(job.result, value, subject), subject)
}

export const notFound = (id: string): KerjaError =>
  new KerjaError('JOB_NOT_FOUND', `No job has the id ${id}: it was never stored here, was deleted, or its retention has passed.`, {
    details: { jobId: id },
  })

/** The definition must be the job's own: its schema would misread another's. @throws {OPTION_INVALID} */
export function checkKind(job: AnyJob, record: JobRecord): void {
  if (record.kind === job.kind) return
  throw new KerjaError('OPTION_INVALID', `Job ${record.id} is of kind ${record.kind}, not ${job.kind}. Give its own definition.`, {
    details: { jobId: record.id, kind: record.kind },
  })
}

interface Waiting {
  readonly id: string
  readonly timeoutMs: number
  readonly signal: AbortSignal | null
}

function ended(following: JobFollowing, { id, timeoutMs, signal }: Waiting): Promise<JobRecord> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      stop()
      finish()
    }
    const onAbort = () => end(() => reject(signal?.reason))
    let seen: string | undefined
    const stop = following.follow(id, {
      onRecord: (record) => {
        if (record !== null) seen = record.holdReason === null ? record.state : `${record.state}, held: ${record.holdReason}`
        if (record === null) end(() => reject(notFound(id)))
        else if (isTerminal(record.state)) end(() => resolve(record))
      },
      onError: (error) => end(() => reject(error)),
    })
    // Keeps the process alive, as an awaited result should.
    const timer = setTimeout(() => end(() => reject(new ResultTimeoutError(id, timeoutMs, seen))), Math.min(timeoutMs, TIMER_MS_MAX))
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
