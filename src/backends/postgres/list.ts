/** The list of jobs, newest first, in pages whose cost is bounded however rare the jobs asked for are. Ids are UUIDv7: their order is that of time. */
import type { JobPage, JobQuery } from '../../contract/ledger.js'
import type { JobState } from '../../core/state.js'
import { KerjaError, quote } from '../../errors.js'
import type { createLaneHolds } from './lane-holds.js'
import { CANCELLED, COMPLETED, endedRecords, FAILED, liveRecords, type RecordRow, recordOf } from './rows.js'
import type { Session } from './session.js'
import { encodeText } from './text.js'

/** Rows that a walk looks at for one page. A page that finds too few in them is short, and its cursor goes on from there. */
const ROWS_SCANNED_MAX = 25_000
const PAGE_LIMIT_MAX = 1_000
const CURSOR = /^before-([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/
const AFTER_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/** One walk through the jobs in the order of their ids. `id` is of the table that it walks by: its own index, or one of few jobs. */
interface Walk {
  readonly columns: string
  readonly tables: string
  readonly id: string
  /** How far it may look: through this, with this condition. */
  readonly from: string
  readonly condition: string
  readonly row: 'j' | 'h'
  readonly lane: string
}

export function createList(session: Session, holds: ReturnType<typeof createLaneHolds>): (query: JobQuery) => Promise<JobPage> {
  const { schema } = session

  /** The last id that a walk may look at; null when it looks at all there are. */
  async function floorOf({ from, id, condition }: Walk, before: string): Promise<string | null> {
    const rows = await session.query<[string]>(
      `SELECT ${id} FROM ${from} WHERE ${condition} AND ${id} < $1 ORDER BY ${id} DESC LIMIT 1 OFFSET ${ROWS_SCANNED_MAX}`,
      [before],
    )
    return rows[0]?.[0] ?? null
  }

  return async (query) => {
    const limit = Math.max(0, Math.min(query.limit, PAGE_LIMIT_MAX))
    const before = idOf(query.cursor)
    if (query.states?.length === 0) return { jobs: [], next: null }
    const { now } = await holds([])
    const walks = walksOf(schema, query.states, now)
    // What nobody filters is as long as it is wanted to be.
    const isBare =
      query.queue === undefined && query.kind === undefined && query.group === undefined && query.tag === undefined && query.states === undefined
    const floors = isBare ? [] : await Promise.all(walks.map((walk) => floorOf(walk, before)))
    // No walk may go below another's floor: the page ends at one job for all.
    const floor = floors.reduce((highest, each) => (each !== null && (highest === null || each > highest) ? each : highest), null)
    const found = await Promise.all(
      walks.map((walk) => {
        const { sql, values } = conditionsOf(schema, query, walk)
        return session.query<RecordRow>(
          `SELECT ${walk.columns} FROM ${walk.tables} WHERE ${walk.condition} AND ${walk.id} < $1 AND ${walk.id} >= $2${sql} ORDER BY ${walk.id} DESC LIMIT $3`,
          [before, floor ?? BEFORE_ALL, limit + 1, ...values],
        )
      }),
    )
    // A job that ended between two walks is in both.
    const rows = [...new Map(found.flat().map((row) => [row[0], row])).values()].sort((a, b) => (a[0] < b[0] ? 1 : -1))
    const page = rows.slice(0, limit)
    const { factsOf, now: readAt } = await holds(page.map((row) => row[1]))
    const last = page.at(-1)
    const next = rows.length > limit && last !== undefined ? last[0] : floor
    return { jobs: page.map((row) => recordOf(row, factsOf(row[1]), readAt)), next: next === null ? null : `before-${next}` }
  }
}

function idOf(cursor: string | undefined): string {
  if (cursor === undefined) return AFTER_ALL
  const id = CURSOR.exec(cursor)?.[1]
  if (id !== undefined) return id
  throw new KerjaError('CURSOR_INVALID', `The cursor ${quote(cursor)} was not made by this list. Pass the \`next\` of the page before.`)
}

/** One walk through the table of live jobs, one through history; or through the few that run, retry or ended badly, where only those are wanted. */
function walksOf(schema: string, states: readonly JobState[] | undefined, now: number): readonly Walk[] {
  const wanted = new Set(states ?? ['scheduled', 'available', 'running', 'retryable', 'completed', 'cancelled', 'failed'])
  const walks: Walk[] = []
  const live = liveRecords(schema)
  const waitingTables = `${schema}.waiting w JOIN ${schema}.jobs j ON j.id = w.id LEFT JOIN ${schema}.running r ON false
    LEFT JOIN ${schema}.progress p ON p.seq = j.seq AND p.token = w.token`
  const runningTables = `${schema}.running r JOIN ${schema}.jobs j ON j.id = r.id LEFT JOIN ${schema}.waiting w ON false
    LEFT JOIN ${schema}.progress p ON p.seq = j.seq AND p.token = r.token`
  const running = {
    columns: live.columns,
    tables: runningTables,
    id: 'r.id',
    from: `${schema}.running r`,
    condition: 'true',
    row: 'j',
    lane: 'r.lane',
  } as const
  const conditions: string[] = []
  if (wanted.has('scheduled')) conditions.push(`(NOT w.failed AND w.run_at > ${now})`)
  if (wanted.has('retryable')) conditions.push(`(w.failed AND w.run_at > ${now})`)
  if (wanted.has('available')) conditions.push(`w.run_at <= ${now}`)
  const onlyFailed = wanted.has('retryable') && conditions.length === 1
  if (onlyFailed)
    walks.push({
      columns: live.columns,
      tables: waitingTables,
      id: 'w.id',
      from: `${schema}.waiting w`,
      condition: `w.failed AND w.run_at > ${now}`,
      row: 'j',
      lane: 'w.lane',
    })
  else if (conditions.length > 0) {
    if (wanted.has('running')) conditions.push('r.seq IS NOT NULL')
    const all = conditions.length === 4
    walks.push({
      ...live,
      id: 'j.id',
      from: `${schema}.jobs j`,
      condition: 'true',
      row: 'j',
      lane: 'coalesce(w.lane, r.lane)',
      ...(all ? {} : { tables: `${live.tables} JOIN (SELECT 1) one ON (${conditions.join(' OR ')})` }),
    })
  }
  if (wanted.has('running') && (conditions.length === 0 || onlyFailed)) walks.push(running)
  const numbers = [
    ...(wanted.has('completed') ? [COMPLETED] : []),
    ...(wanted.has('cancelled') ? [CANCELLED] : []),
    ...(wanted.has('failed') ? [FAILED] : []),
  ]
  const ended = { ...endedRecords(schema), id: 'h.id', from: `${schema}.history h`, row: 'h', lane: 'h.lane' } as const
  if (numbers.length === 3) walks.push({ ...ended, condition: 'true' })
  else if (numbers.includes(COMPLETED))
    walks.push({ ...ended, condition: 'true', tables: `${ended.tables} JOIN (SELECT 1) one ON h.state IN (${numbers.join(', ')})` })
  // By the index of those that ended badly, which is in the order of ids for each state.
  else for (const number of numbers) walks.push({ ...ended, condition: `h.state = ${number} AND h.state IN (${CANCELLED}, ${FAILED})` })
  return walks
}

function conditionsOf(
  schema: string,
  { queue, kind, group, tag }: JobQuery,
  { row, lane }: Walk,
): { readonly sql: string; readonly values: unknown[] } {
  const conditions: string[] = []
  const values: unknown[] = []
  const value = (given: unknown): string => `$${values.push(given) + 3}`
  if (queue !== undefined || kind !== undefined) {
    const of = [...(queue === undefined ? [] : [`queue = ${value(queue)}`]), ...(kind === undefined ? [] : [`kind = ${value(kind)}`])]
    conditions.push(`${lane} IN (SELECT id FROM ${schema}.lanes WHERE ${of.join(' AND ')})`)
  }
  if (group !== undefined) conditions.push(`${row}.job_group = ${value(encodeText(group))}`)
  // The tag as it stands in the JSON of the list: at its start or behind a comma, which no text within it can look like.
  if (tag !== undefined) {
    const json = JSON.stringify(tag)
    conditions.push(`(starts_with(${row}.tags, ${value(`[${json}`)}) OR strpos(${row}.tags, ${value(`,${json}`)}) > 0)`)
  }
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(''), values }
}
