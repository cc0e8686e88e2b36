/** Pushes: plain jobs all in one statement, those with keys one after the other in calls of their own, so that they hold up nobody else. */
import type { NewJob, PushResult } from '../../contract/job.js'
import type { Again } from './again.js'
import type { Lanes } from './lanes.js'
import { encodeTags } from './rows.js'
import type { Session } from './session.js'
import { arrayOf, encodeNullable, encodeText, SEPARATOR } from './text.js'

/** A batch this small goes in one call whatever it holds, in the order given. */
const MIXED_MAX = 20
/** Keyed jobs per call: each locks its keys until the call is over. */
const KEYED_MAX = 100

export interface Pushed {
  readonly results: PushResult[]
  /** Other processes were woken by the call itself. */
  readonly told: boolean
}
export type Push = (jobs: readonly NewJob[]) => Promise<Pushed>

/** One job as the functions take it that look at them one by one: see `push_one_1`. */
export const itemOf = (job: NewJob, lane: number): readonly unknown[] => [
  job.id,
  lane,
  job.priority,
  job.maxAttempts,
  encodeText(job.payload),
  ...extrasOf(job),
  job.kind,
  job.version,
  encodeNullable(job.idempotency?.key ?? null),
  encodeNullable(job.idempotency?.payloadHash ?? null),
  ceil(job.idempotency?.ttlMs ?? null),
  encodeNullable(job.unique?.key ?? null),
  job.unique?.scope === 'live',
  job.unique?.whenTaken ?? null,
  ceil(job.unique?.debounceMs ?? null),
]

type Answer = readonly [status: 'duplicate' | 'replaced' | 'conflict', id: string, on?: 'idempotency' | 'unique'] | null

/** A fraction of a ms is rounded up: a job never starts early. */
const ceil = (ms: number | null): number | null => (ms === null ? null : Math.ceil(ms))

const isKeyed = (job: NewJob): boolean => job.idempotency !== null || job.unique !== null

/** `takeTurn`: where a call may NOTIFY after its commit, null for not now; absent where calls must not commit. */
export function createPush(session: Session, lanes: Lanes, again: Again, takeTurn?: (kind: 'available') => string | null): Push {
  const { schema } = session
  const plainSql = `SELECT ${schema}.push_1($1, $2, $3, $4, $5, $6, $7)`
  const tellingSql = `CALL ${schema}.push_and_tell_1($1, $2, $3, $4, $5, $6, $7, $8, NULL)`
  const itemsSql = `SELECT ${schema}.push_items_1($1, $2)`

  async function pushPlain(jobs: readonly NewJob[]): Promise<Pushed> {
    const values = [
      session.now(),
      arrayOf(jobs.map(({ id }) => id)),
      arrayOf(jobs.map((job) => lanes.idOf(job))),
      arrayOf(jobs.map(({ priority }) => priority)),
      arrayOf(jobs.map(({ maxAttempts }) => maxAttempts)),
      jobs.map(({ payload }) => encodeText(payload)).join(SEPARATOR),
      jobs.every(isBare) ? null : jobs.map((job) => (isBare(job) ? '' : JSON.stringify(extrasOf(job)))).join(SEPARATOR),
    ]
    const channel = takeTurn?.('available') ?? null
    const [sql, given] = channel === null ? [plainSql, values] : [tellingSql, [...values, channel]]
    const [row] = await session.query<[string | null]>(sql, given, { lane: 'push' })
    const known = new Set(row?.[0] == null ? [] : (JSON.parse(row[0]) as number[]))
    return { results: jobs.map(({ id }, index) => ({ status: known.has(index) ? 'duplicate' : 'created', id })), told: channel !== null }
  }

  async function pushItems(jobs: readonly NewJob[]): Promise<PushResult[]> {
    const items = JSON.stringify(jobs.map((job) => itemOf(job, lanes.idOf(job))))
    const [row] = await session.query<[string]>(itemsSql, [session.now(), items], { lane: 'push' })
    return (JSON.parse(row?.[0] ?? '[]') as Answer[]).map((answer, index) => resultOf(answer, jobs[index] as NewJob))
  }

  return async (jobs) => {
    if (jobs.length === 0) return { results: [], told: false }
    await lanes.ensure(jobs)
    if (!jobs.some(isKeyed)) return again(() => pushPlain(jobs))
    if (jobs.length <= MIXED_MAX || new Set(jobs.map(({ id }) => id)).size < jobs.length)
      return { results: await inChunks(jobs, KEYED_MAX, (chunk) => again(() => pushItems(chunk))), told: false }
    const plain = jobs.filter((job) => !isKeyed(job))
    const plainResults = plain.length === 0 ? [] : (await again(() => pushPlain(plain))).results
    const keyedResults = await inChunks(jobs.filter(isKeyed), KEYED_MAX, (chunk) => again(() => pushItems(chunk)))
    const [nextPlain, nextKeyed] = [plainResults.values(), keyedResults.values()]
    return { results: jobs.map((job) => (isKeyed(job) ? nextKeyed : nextPlain).next().value as PushResult), told: false }
  }
}

async function inChunks<Item, Result>(items: readonly Item[], size: number, act: (chunk: readonly Item[]) => Promise<Result[]>): Promise<Result[]> {
  const results: Result[] = []
  for (let from = 0; from < items.length; from += size) results.push(...(await act(items.slice(from, from + size))))
  return results
}

const isBare = (job: NewJob): boolean =>
  job.delayMs === 0 &&
  job.runAt === null &&
  job.giveUpAfterMs === null &&
  job.startWithinMs === null &&
  job.group === null &&
  job.tags.length === 0 &&
  job.parentId === null &&
  job.tick === null

const extrasOf = (job: NewJob): readonly unknown[] => [
  ceil(job.runAt),
  ceil(job.delayMs),
  ceil(job.giveUpAfterMs),
  ceil(job.startWithinMs),
  encodeNullable(job.group),
  encodeTags(job.tags),
  job.parentId,
  encodeNullable(job.tick?.schedule ?? null),
  ceil(job.tick?.instant ?? null),
]

function resultOf(answer: Answer, job: NewJob): PushResult {
  if (answer === null) return { status: 'created', id: job.id }
  const [status, id, on] = answer
  if (status === 'conflict') return { status, on: on as 'idempotency' | 'unique', id }
  return { status, id }
}
