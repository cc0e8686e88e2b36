/** The list of jobs, newest first, in pages whose cost is bounded however rare the jobs asked for are. */
import type { JobPage, JobQuery } from '../../contract/ledger.js'
import type { JobState } from '../../core/state.js'
import { KerjaError, quote } from '../../errors.js'
import type { StoreContext } from './context.js'
import type { SqlValue } from './driver.js'
import type { LaneHolds } from './lane-holds.js'
import { CANCELLED, COMPLETED, FAILED, RECORD_COLUMNS, RECORD_TABLES, type RecordRow, RUNNING, recordOf, WAITING_SQL } from './rows.js'

/** Rows that a walk looks at for one page. A page that finds too few in them is short, and its cursor goes on from there. */
const ROWS_SCANNED_MAX = 25_000
const PAGE_LIMIT_MAX = 1_000
const CURSOR_PREFIX = 'before-'

const STATE_SQL: Readonly<Record<JobState, string>> = Object.freeze({
  scheduled: `(j.${WAITING_SQL} AND j.failed = 0 AND j.run_at > ?)`,
  retryable: `(j.${WAITING_SQL} AND j.failed = 1 AND j.run_at > ?)`,
  available: `(j.${WAITING_SQL} AND j.run_at <= ?)`,
  running: `j.state = ${RUNNING}`,
  completed: `j.state = ${COMPLETED}`,
  cancelled: `j.state = ${CANCELLED}`,
  failed: `j.state = ${FAILED}`,
})
/** States of which there are few, each with an index and its condition, which SQLite wants repeated: lists of them look at no others. */
const INDEXED: Readonly<Partial<Record<JobState, readonly [index: string, condition: string]>>> = Object.freeze({
  running: ['kerja_jobs_running', `j.state = ${RUNNING}`],
  retryable: ['kerja_jobs_to_retry', `j.failed = 1 AND j.${WAITING_SQL}`],
  cancelled: ['kerja_jobs_failed_or_cancelled', `j.state = ${CANCELLED} AND j.state IN (3, 4)`],
  failed: ['kerja_jobs_failed_or_cancelled', `j.state = ${FAILED} AND j.state IN (3, 4)`],
})

/** One walk through the jobs, newest first: `from` the table or an index of it, with the index's condition. */
interface Walk {
  readonly from: string
  readonly condition: string
  readonly states: readonly JobState[] | undefined
}

export function createList(context: StoreContext, holds: LaneHolds): (query: JobQuery) => JobPage {
  const { connection } = context
  /** The last row that a walk may look at; 0 when it looks at all there are. */
  function floorOf({ from, condition }: Walk, before: number): number {
    const sql = `SELECT j.seq FROM ${from} WHERE ${condition} AND j.seq < ? ORDER BY j.seq DESC LIMIT 1 OFFSET ${ROWS_SCANNED_MAX}`
    return connection.prepare<[number]>(sql).row(before)?.[0] ?? 0
  }

  return (query) => {
    const now = context.now()
    const limit = Math.max(0, Math.min(query.limit, PAGE_LIMIT_MAX))
    const before = seqOf(query.cursor)
    const lanes = lanesOf(context, query)
    // Nothing was ever stored there. SQLite also finds no plan by an index for a condition that is false from the start.
    if (lanes?.length === 0 || query.states?.length === 0) return { jobs: [], next: null }
    const walks = walksOf(query.states)
    // No walk may go below another's floor: the page ends at one row for all.
    const floor = Math.max(...walks.map((walk) => floorOf(walk, before)))
    const rows = walks.flatMap(({ from, condition, states }) => {
      const { sql, values } = conditionsOf({ ...query, states }, lanes, now)
      const tables = RECORD_TABLES.replace('kerja_jobs j', from)
      return connection
        .prepare<RecordRow>(
          `SELECT ${RECORD_COLUMNS} FROM ${tables} WHERE ${condition} AND j.seq < ? AND j.seq >= ?${sql} ORDER BY j.seq DESC LIMIT ?`,
        )
        .rows(before, floor, ...values, limit + 1)
    })
    if (walks.length > 1) rows.sort((a, b) => b[0] - a[0])
    const page = rows.slice(0, limit)
    const laneFacts = holds.read()
    const last = page.at(-1)
    const next = rows.length > limit && last !== undefined ? last[0] : floor > 0 ? floor : null
    return { jobs: page.map((row) => recordOf(row, laneFacts(row[2]), now)), next: next === null ? null : `${CURSOR_PREFIX}${next}` }
  }
}

function seqOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER
  const digits = cursor.startsWith(CURSOR_PREFIX) ? cursor.slice(CURSOR_PREFIX.length) : ''
  if (/^\d{1,15}$/.test(digits)) return Number(digits)
  throw new KerjaError('CURSOR_INVALID', `The cursor ${quote(cursor)} was not made by this list. Pass the \`next\` of the page before.`)
}

/** The lanes of the queue and kind asked for; null when any will do. */
function lanesOf({ lanes }: StoreContext, { queue, kind }: JobQuery): number[] | null {
  if (queue === undefined && kind === undefined) return null
  const fits = lanes.all().filter((lane) => (queue === undefined || lane[1] === queue) && (kind === undefined || lane[2] === kind))
  return fits.map(([id]) => id)
}

/** One walk per state where each has an index, else one through the table. */
function walksOf(states: readonly JobState[] | undefined): readonly Walk[] {
  const walks = states?.flatMap((state) => {
    const [index, condition] = INDEXED[state] ?? []
    return index === undefined || condition === undefined ? [] : [{ from: `kerja_jobs j INDEXED BY ${index}`, condition, states: [state] }]
  })
  return walks !== undefined && walks.length === states?.length ? walks : [{ from: 'kerja_jobs j', condition: 'TRUE', states }]
}

function conditionsOf(
  { states, group, tag }: Pick<JobQuery, 'group' | 'tag'> & { readonly states: readonly JobState[] | undefined },
  lanes: readonly number[] | null,
  now: number,
): { readonly sql: string; readonly values: SqlValue[] } {
  const conditions: string[] = []
  const values: SqlValue[] = []
  if (lanes !== null) conditions.push(`j.lane IN (${lanes.join(', ')})`)
  if (states !== undefined) {
    conditions.push(`(${states.map((state) => STATE_SQL[state]).join(' OR ')})`)
    for (const state of states) if (STATE_SQL[state].includes('?')) values.push(now)
  }
  if (group !== undefined) {
    conditions.push('d.job_group = ?')
    values.push(group)
  }
  if (tag !== undefined) {
    conditions.push('d.tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(d.tags) WHERE value = ?)')
    values.push(tag)
  }
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(''), values }
}
