/** Recurring rules: kept by name, fired once per tick whoever notices it first. */
import type { Coordination, ScheduleDefinition, ScheduleRecord } from '../../contract/coordination.js'
import type { NewJob } from '../../contract/job.js'
import type { Session } from './session.js'

type Schedules = Pick<Coordination, 'schedules' | 'upsertSchedules' | 'removeSchedules' | 'pauseSchedule' | 'dueSchedules' | 'fireSchedule'>

export interface ScheduleHooks {
  readonly wake: (kind: 'available' | 'changed') => void
  /** Jobs as the SQL functions take them, in order; their lanes are made known first. */
  readonly encodeJobs: (jobs: readonly NewJob[]) => Promise<string>
}

const COLUMNS = 'name, source, cron, every_ms, time_zone, missed, overlap, template, next_at, paused, last_at, last_job_id'
type Row = readonly [
  name: string,
  source: ScheduleRecord['source'],
  cron: string | null,
  everyMs: number | null,
  timeZone: string,
  missed: ScheduleRecord['missed'],
  overlap: ScheduleRecord['overlap'],
  template: string,
  nextAt: number,
  paused: boolean,
  lastAt: number | null,
  lastJobId: string | null,
]

export function createSchedules(session: Session, { wake, encodeJobs }: ScheduleHooks): Schedules {
  const { schema } = session

  return {
    async schedules() {
      return (await session.query<Row>(`SELECT ${COLUMNS} FROM ${schema}.schedules ORDER BY name COLLATE "C"`, [])).map(recordOf)
    },
    async upsertSchedules(schedules, options) {
      await session.query(UPSERT(schema), [session.now(), encodeDefinitions(schedules), options?.reconcile.kinds ?? null])
    },
    async removeSchedules(names) {
      const removed = await session.query<[string]>(`DELETE FROM ${schema}.schedules WHERE name = ANY($1) RETURNING name`, [names])
      const gone = new Set(removed.map(([name]) => name))
      // Of a name given twice, the first removed it.
      return names.map((name) => gone.delete(name))
    },
    async pauseSchedule(name, paused) {
      return (await session.query(`UPDATE ${schema}.schedules SET paused = $2 WHERE name = $1 RETURNING 1`, [name, paused])).length > 0
    },
    async dueSchedules({ limit }) {
      const rows = await session.query<readonly [now: number, ...Row]>(
        `SELECT n.now, s.* FROM ${schema}.now_1($1) AS n(now)
          LEFT JOIN LATERAL (SELECT ${COLUMNS} FROM ${schema}.schedules WHERE NOT paused AND next_at <= n.now ORDER BY next_at LIMIT $2) s ON true`,
        [session.now(), limit],
      )
      const due = rows.map(([, ...row]) => row as Row).filter(([name]) => name !== null)
      return { now: rows[0]?.[0] ?? 0, due: due.map(recordOf) }
    },
    async fireSchedule({ name, expectedNextAt, nextAt, overlap, jobs }) {
      const [row] = await session.query<[readonly string[] | null]>(
        `SELECT ${schema}.fire_schedule_1($1, $2, $3, $4, $5, $6)`,
        [session.now(), name, expectedNextAt, Math.ceil(nextAt), overlap === 'skip', await encodeJobs(jobs)],
        { lane: 'work' },
      )
      const created = row?.[0] ?? null
      if (created !== null && created.length > 0) wake('available')
      return created
    },
  }
}

/** The last definition under a name counts. In one order, so that two workers that declare the same wait for each other and not in a circle. */
function encodeDefinitions(schedules: readonly ScheduleDefinition[]): string {
  const byName = new Map(schedules.map((each) => [each.name, each]))
  const rows = [...byName.values()].map((each) => ({
    name: each.name,
    source: each.source,
    cron: each.cron,
    every_ms: each.everyMs,
    time_zone: each.timeZone,
    missed: each.missed,
    overlap: each.overlap,
    template: JSON.stringify(each.template),
    kind: each.template.kind,
    next_at: Math.ceil(each.nextAt),
  }))
  return JSON.stringify(rows.sort((one, other) => (one.name < other.name ? -1 : 1)))
}

/** An unchanged rule keeps its next instant, so that a deploy loses no tick. */
const UPSERT = (schema: string): string =>
  `WITH given AS (
    SELECT * FROM json_to_recordset($2::json) AS g(name text, source text, cron text, every_ms bigint, time_zone text, missed text, overlap text,
      template text, kind text, next_at bigint)
  ), kept AS (
    INSERT INTO ${schema}.schedules AS s (name, source, cron, every_ms, time_zone, missed, overlap, template, kind, next_at)
      SELECT name, source, cron, every_ms, time_zone, missed, overlap, template, kind, next_at FROM given
      ON CONFLICT (name) DO UPDATE SET source = excluded.source, cron = excluded.cron, every_ms = excluded.every_ms, time_zone = excluded.time_zone,
        missed = excluded.missed, overlap = excluded.overlap, template = excluded.template, kind = excluded.kind,
        next_at = CASE WHEN s.cron IS NOT DISTINCT FROM excluded.cron AND s.every_ms IS NOT DISTINCT FROM excluded.every_ms
          AND s.time_zone = excluded.time_zone THEN s.next_at ELSE excluded.next_at END
  ) DELETE FROM ${schema}.schedules s WHERE s.source = 'worker' AND s.kind = ANY($3::text[]) AND s.name NOT IN (SELECT name FROM given)
    AND NOT EXISTS (SELECT FROM ${schema}.workers w JOIN ${schema}.heartbeats h ON h.worker = w.id
      WHERE w.died_at IS NULL AND ${schema}.now_1($1) - h.at <= w.lease_ms AND s.name = ANY(w.schedules))`

/** Schedules of another store. Who declared one here knows its template and policies; where it stands is known over there. */
export async function acceptSchedules(session: Session, schedules: readonly ScheduleRecord[]): Promise<readonly ('accepted' | 'kept')[]> {
  const { schema } = session
  const sql = `INSERT INTO ${schema}.schedules AS s (name, source, cron, every_ms, time_zone, missed, overlap, template, kind, next_at, paused, last_at, last_job_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at, paused = excluded.paused,
      last_at = excluded.last_at, last_job_id = excluded.last_job_id
      WHERE s.last_at IS NULL AND s.cron IS NOT DISTINCT FROM excluded.cron AND s.every_ms IS NOT DISTINCT FROM excluded.every_ms
        AND s.time_zone = excluded.time_zone RETURNING 1`
  const results: ('accepted' | 'kept')[] = []
  for (const each of schedules) {
    const rule = [each.name, each.source, each.cron, each.everyMs, each.timeZone, each.missed, each.overlap]
    const stands = [Math.ceil(each.nextAt), each.paused, each.lastAt, each.lastJobId]
    const rows = await session.query(sql, [...rule, JSON.stringify(each.template), each.template.kind, ...stands], { lane: 'work' })
    results.push(rows.length === 1 ? 'accepted' : 'kept')
  }
  return results
}

const recordOf = (row: Row): ScheduleRecord => ({
  name: row[0],
  source: row[1],
  cron: row[2],
  everyMs: row[3],
  timeZone: row[4],
  missed: row[5],
  overlap: row[6],
  template: JSON.parse(row[7]) as NewJob,
  nextAt: row[8],
  paused: row[9],
  lastAt: row[10],
  lastJobId: row[11],
})
