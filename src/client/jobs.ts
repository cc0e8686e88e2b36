/** `kerja.jobs`: finds, shows, changes and ends jobs. */
import type { JobRecord } from '../contract/job.js'
import type { ChangeResult, JobChanges, JobQuery, Ledger } from '../contract/ledger.js'
import { encode } from '../core/codec.js'
import { type Duration, parseDuration } from '../core/duration.js'
import { checkInteger, checkKey, checkName, checkReason, checkWord } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { JOB_STATES, type JobState, type Priority } from '../core/state.js'
import { rejectUnknown } from '../core/suggest.js'
import { type AnyJob, checkMaxAttempts, type PayloadOf, type ReturnedOf } from '../define/job.js'
import { outputOf, runSchema, type Subject } from '../define/validate.js'
import { KerjaError, quote } from '../errors.js'
import type { Connection } from './connection.js'
import { checkId, checkInstant, checkJob, checkPriority, checkTags } from './options.js'
import { checkKind, notFound, parseResult } from './result.js'
import { type Attempt, type Job, type LogLineView, toAttempt, toJob, toLogLine } from './view.js'

const LIST_OPTIONS: readonly (keyof JobListQuery)[] = ['queue', 'kind', 'states', 'group', 'tag', 'cursor', 'limit']
const CHANGE_OPTIONS: readonly (keyof JobChange)[] = ['priority', 'delay', 'runAt', 'maxAttempts', 'tags']

export interface JobListQuery {
  readonly queue?: string
  readonly kind?: string
  /** @default every state */
  readonly states?: readonly JobState[]
  readonly group?: string
  readonly tag?: string
  /** `next` of the page before. */
  readonly cursor?: string
  /** Jobs per page, from 1 to 200. @default 50 */
  readonly limit?: number
}

export interface JobList {
  /** Newest first. Fewer than `limit` is not the end, none is. */
  readonly jobs: readonly Job[]
  /** `cursor` of the next page; null at the end. */
  readonly next: string | null
}

export interface JobChange {
  readonly priority?: Priority
  /** Start this long from now, at the earliest. Not with `runAt`. */
  readonly delay?: Duration
  readonly runAt?: Date | number
  /** Counts the runs so far. From 1 to 1,000. */
  readonly maxAttempts?: number
  /** Replace the present ones; at most 20. */
  readonly tags?: readonly string[]
}

/** What became of one id of many: `changed`, `requested` (a running job was asked to end), `unchanged` (its state does not allow it), `conflict` (its unique key is taken), `unknown`. */
export interface JobOutcome {
  readonly id: string
  readonly outcome: ChangeResult
}

export interface Jobs {
  /** @throws {JOB_NOT_FOUND} */
  get(id: string): Promise<Job>
  /** Typed by the job's definition; its result is parsed. @throws {JOB_NOT_FOUND} {OPTION_INVALID} when the job is of another kind */
  get<J extends AnyJob>(job: J, id: string): Promise<Job<PayloadOf<J>, ReturnedOf<J>>>
  /** @throws {OPTION_UNKNOWN} {OPTION_INVALID} {CURSOR_INVALID} */
  list(query?: JobListQuery): Promise<JobList>
  /** Makes a failed, cancelled, waiting or held job available now, with a fresh attempt budget. @throws {JOB_NOT_FOUND} {JOB_STATE} {UNIQUE_CONFLICT} */
  retry(id: string): Promise<void>
  retry(ids: readonly string[]): Promise<readonly JobOutcome[]>
  /** Ends a waiting job; asks a running one to end (`requested`). Of the reason 1,000 characters are kept. @throws {JOB_NOT_FOUND} {JOB_STATE} when it has ended */
  cancel(id: string, reason?: string): Promise<'changed' | 'requested'>
  cancel(ids: readonly string[], reason?: string): Promise<readonly JobOutcome[]>
  /** Removes the record of a job that is not running. @throws {JOB_NOT_FOUND} {JOB_STATE} */
  delete(id: string): Promise<void>
  delete(ids: readonly string[]): Promise<readonly JobOutcome[]>
  /** Changes a waiting job. @throws {JOB_NOT_FOUND} {JOB_STATE} {OPTION_UNKNOWN} {OPTION_INVALID} */
  update(id: string, change: JobChange): Promise<void>
  /** Also its payload, checked by the definition. Group and unique key stay as they were made at enqueue. @throws {PAYLOAD_INVALID} … */
  update<J extends AnyJob>(job: J, id: string, change: JobChange & { readonly payload?: PayloadOf<J> }): Promise<void>
  /** Past runs that did not complete, oldest first. @throws {JOB_NOT_FOUND} */
  attempts(id: string): Promise<readonly Attempt[]>
  /** Lines that handlers logged, oldest first. Pass `next` as `after` for more; `limit` is from 1 to 200, by default 200. @throws {JOB_NOT_FOUND} */
  logs(
    id: string,
    page?: { readonly limit?: number; readonly after?: number },
  ): Promise<{ readonly lines: readonly LogLineView[]; readonly next: number }>
}

export function createJobs(connection: Connection): Jobs {
  const ledger = async (): Promise<Ledger> => (await connection.open()).ledger

  const find = async (id: string): Promise<JobRecord> => {
    const [record] = await (await ledger()).get([checkId(id, 'id')])
    if (record === null || record === undefined) throw notFound(id)
    return record
  }

  const change = async (given: string | readonly string[], verb: string, act: (ids: readonly string[]) => Promise<readonly ChangeResult[]>) => {
    if (typeof given !== 'string') return changeMany(given, act)
    const [outcome] = await act([checkId(given, 'id')])
    return checkChanged(given, outcome ?? 'unknown', verb)
  }

  async function get(idOrJob: string | AnyJob, id?: string): Promise<Job> {
    if (typeof idOrJob === 'string') return toJob(await find(idOrJob))
    checkJob(idOrJob)
    const record = await find(id as string)
    checkKind(idOrJob, record)
    return toTypedJob(idOrJob, record)
  }

  async function update(idOrJob: string | AnyJob, second: string | JobChange, third?: JobChange & { readonly payload?: unknown }): Promise<void> {
    const job = typeof idOrJob === 'string' ? null : idOrJob
    const id = checkId(job === null ? idOrJob : second, 'id')
    const changes = await resolveChange(job, (job === null ? second : third) as JobChange)
    if (job !== null) checkKind(job, await find(id))
    checkChanged(id, await (await ledger()).update(id, changes), 'changed')
  }

  // The overloads of the interface are served by one implementation each, which no single type of this language expresses.
  return {
    get: get as Jobs['get'],
    list: async (query = {}) => {
      const request = resolveListQuery(query)
      const store = await ledger()
      let page = await store.list(request)
      // A backend looks at so many jobs for a page and no more; where few fit, it may be empty before the end. Each page goes on from the last.
      while (page.jobs.length === 0 && page.next !== null) page = await store.list({ ...request, cursor: page.next })
      return { jobs: page.jobs.map(toJob), next: page.next }
    },
    retry: (async (ids: string | readonly string[]) => change(ids, 'retried', async (batch) => (await ledger()).retry(batch))) as Jobs['retry'],
    cancel: (async (ids: string | readonly string[], reason = 'cancelled') => {
      const request = { reason: checkReason(reason), retentionMs: DEFAULTS.job.failedRetentionMs }
      return change(ids, 'cancelled', async (batch) => (await ledger()).cancel(batch, request))
    }) as Jobs['cancel'],
    delete: (async (ids: string | readonly string[]) => change(ids, 'deleted', async (batch) => (await ledger()).remove(batch))) as Jobs['delete'],
    update: update as Jobs['update'],
    attempts: async (id) => {
      const records = await (await ledger()).attempts(checkId(id, 'id'))
      // No attempts and no job look alike to the ledger.
      if (records.length === 0) await find(id)
      return records.map(toAttempt)
    },
    logs: async (id, page = {}) => {
      rejectUnknown(page, ['limit', 'after'], 'jobs.logs')
      const { limit: pageLimit = DEFAULTS.ledger.pageJobsMax, after: first = 0 } = page
      const limit = checkInteger(pageLimit, 'limit', { min: 1, max: DEFAULTS.ledger.pageJobsMax })
      const after = checkInteger(first, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER })
      const { lines, next } = await (await ledger()).logs(checkId(id, 'id'), { limit, after })
      if (lines.length === 0) await find(id)
      return { lines: lines.map(toLogLine), next }
    },
  }
}

/** The view with its result parsed by the definition. A result that does not parse is reported in `resultError`. */
export async function toTypedJob(job: AnyJob, record: JobRecord): Promise<Job> {
  const view = toJob(record)
  if (record.state !== 'completed' || view.resultError !== null) return view
  try {
    return { ...view, result: await parseResult(job, record.result) }
  } catch (error) {
    return { ...view, result: undefined, resultError: error instanceof Error ? error.message : String(error) }
  }
}

async function changeMany(
  given: readonly string[],
  act: (ids: readonly string[]) => Promise<readonly ChangeResult[]>,
): Promise<readonly JobOutcome[]> {
  if (!Array.isArray(given)) throw new KerjaError('OPTION_INVALID', `Give a job id or an array of them; got ${quote(given)}.`)
  const ids = given.map((id) => checkId(id, 'id'))
  const outcomes: JobOutcome[] = []
  const { changeJobsMax } = DEFAULTS.ledger
  for (let start = 0; start < ids.length; start += changeJobsMax) {
    const batch = ids.slice(start, start + changeJobsMax)
    const results = await act(batch)
    batch.forEach((id, index) => void outcomes.push({ id, outcome: results[index] ?? 'unknown' }))
  }
  return outcomes
}

function checkChanged(id: string, outcome: ChangeResult, verb: string): 'changed' | 'requested' {
  if (outcome === 'changed' || outcome === 'requested') return outcome
  const details = { details: { jobId: id } }
  if (outcome === 'unknown') throw notFound(id)
  if (outcome === 'conflict') {
    throw new KerjaError(
      'UNIQUE_CONFLICT',
      `Job ${id} cannot be ${verb}: another job holds its unique key. Wait for that one, or delete it.`,
      details,
    )
  }
  throw new KerjaError('JOB_STATE', `Job ${id} cannot be ${verb} in its present state. See its state with kerja.jobs.get.`, details)
}

function resolveListQuery(query: JobListQuery): JobQuery {
  rejectUnknown(query, LIST_OPTIONS, 'jobs.list')
  const { queue, kind, states, group, tag, cursor, limit = DEFAULTS.ledger.pageJobs } = query
  if (states !== undefined && !Array.isArray(states)) throw new KerjaError('OPTION_INVALID', `states must be an array; got ${quote(states)}.`)
  if (cursor !== undefined && typeof cursor !== 'string')
    throw new KerjaError('CURSOR_INVALID', `cursor must be the \`next\` of a page; got ${quote(cursor)}.`)
  return {
    ...(queue === undefined ? {} : { queue: checkName(queue, 'queue') }),
    ...(kind === undefined ? {} : { kind: checkName(kind, 'kind') }),
    ...(states === undefined ? {} : { states: [...new Set(states.map((state) => checkWord(state, 'states', JOB_STATES)))] }),
    ...(group === undefined ? {} : { group: checkKey(group, 'group') }),
    ...(tag === undefined ? {} : { tag: checkKey(tag, 'tag') }),
    ...(cursor === undefined ? {} : { cursor }),
    limit: checkInteger(limit, 'limit', { min: 1, max: DEFAULTS.ledger.pageJobsMax }),
  }
}

async function resolveChange(job: AnyJob | null, change: JobChange & { readonly payload?: unknown }): Promise<JobChanges> {
  rejectUnknown(
    change,
    job === null ? CHANGE_OPTIONS : [...CHANGE_OPTIONS, 'payload'],
    job === null ? 'jobs.update(id, …)' : 'jobs.update(job, id, …)',
  )
  if (change.delay !== undefined && change.runAt !== undefined) {
    throw new KerjaError('OPTION_INVALID', 'Give jobs.update either delay or runAt, not both: each says when the job starts.')
  }
  return {
    ...(job === null || change.payload === undefined ? {} : { payload: await checkedPayload(job, change.payload), version: job.version }),
    ...(change.priority === undefined ? {} : { priority: checkPriority(change.priority) }),
    ...(change.delay === undefined ? {} : { delayMs: parseDuration(change.delay, 'delay') }),
    ...(change.runAt === undefined ? {} : { runAt: checkInstant(change.runAt, 'runAt') }),
    ...(change.maxAttempts === undefined ? {} : { maxAttempts: checkMaxAttempts(change.maxAttempts) }),
    ...(change.tags === undefined ? {} : { tags: checkTags(change.tags) }),
  }
}

async function checkedPayload(job: AnyJob, payload: unknown): Promise<string> {
  checkJob(job)
  const text = encode(payload, DEFAULTS.payload)
  const subject: Subject = { kind: job.kind, what: 'payload', code: 'PAYLOAD_INVALID' }
  outputOf(await runSchema(job.payload, payload, subject), subject)
  return text
}
