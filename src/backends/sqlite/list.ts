/** The list of jobs, newest first, in pages whose cost is bounded however rare the jobs asked for are. */
import type { JobPage, JobQuery } from '../../contract/ledger.js'
import type { JobState } from '../../core/state.js'
import { KerjaError, quote } from '../../errors.js'
import type { StoreContext } from './context.js'
import type { SqlValue } from './driver.js'
import type { LaneHolds } from './lane-holds.js'
import { CANCELLED, COMPLETED, FAILED, RECORD_COLUMNS, RECORD_TABLES, type RecordRow, RUNNING, recordOf, WAITING_SQL } from './rows.js'

/** Rows looked at for one page. A page that finds too few in them is short, and its cursor goes on from there. */
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
/** States of which there are few, each with an index to find them by: those lists need no scan. */
const INDEXED_SQL: Readonly<Partial<Record<JobState, string>>> = Object.freeze({
  running: 'kerja_jobs_running',
  cancelled: 'kerja_jobs_unhappy',
  failed: 'kerja_jobs_unhappy',
})
/** SQLite takes a partial index only where the query repeats its condition. */
const UNHAPPY_SQL = ' AND j.state IN (3, 4)'

export function createList(context: StoreContext, holds: LaneHolds): (query: JobQuery) => JobPage {
  const { connection } = context
  const newest = connection.prepare<[number | null]>('SELECT max(seq) FROM kerja_jobs')
  const indexBounds = 'j.seq < ? AND j.seq >= ?'

  return (query) => {
    const now = context.now()
    const limit = Math.max(0, Math.min(query.limit, PAGE_LIMIT_MAX))
    const before = Math.min(seqOf(query.cursor), (newest.row()?.[0] ?? 0) + 1)
    const lanes = lanesOf(context, query)
    // Nothing was ever stored there. SQLite also finds no plan by an index for a condition that is false from the start.
    if (lanes?.length === 0 || query.states?.length === 0) return { jobs: [], next: null }
    const { sql, values, index } = conditionsOf(query, lanes, now)
    const floor = index === null ? Math.max(0, before - ROWS_SCANNED_MAX) : 0
    const tables = index === null ? RECORD_TABLES : RECORD_TABLES.replace('kerja_jobs j', `kerja_jobs j INDEXED BY ${index}`)
    const rows = connection
      .prepare<RecordRow>(`SELECT ${RECORD_COLUMNS} FROM ${tables} WHERE ${indexBounds}${sql} ORDER BY j.seq DESC LIMIT ?`)
      .rows(before, floor, ...values, limit + 1)
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

function conditionsOf(
  { states, group, tag }: JobQuery,
  lanes: readonly number[] | null,
  now: number,
): { readonly sql: string; readonly values: SqlValue[]; readonly index: string | null } {
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
  const only = states?.length === 1 ? states[0] : undefined
  const index = only === undefined ? null : (INDEXED_SQL[only] ?? null)
  const sql = conditions.map((condition) => ` AND ${condition}`).join('')
  return { sql: index === 'kerja_jobs_unhappy' ? sql + UNHAPPY_SQL : sql, values, index }
}
