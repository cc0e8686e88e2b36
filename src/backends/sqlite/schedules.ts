/** Recurring rules: kept by name, fired once per tick whoever notices it first. */
import type { ScheduleDefinition, ScheduleRecord } from '../../contract/coordination.js'
import type { NewJob } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import type { Push } from './push.js'
import { RUNNING, WAITING_SQL } from './rows.js'
import type { WireJob } from './wire.js'

export interface WireFiring {
  readonly name: string
  readonly expectedNextAt: number
  readonly nextAt: number
  readonly overlap: 'allow' | 'skip'
  readonly jobs: readonly WireJob[]
}

export interface ScheduleStore {
  all(): ScheduleRecord[]
  /** `kinds`: reconcile the schedules of these kinds with what live workers declare; null leaves others alone. */
  upsert(schedules: readonly ScheduleDefinition[], kinds: readonly string[] | null): void
  remove(names: readonly string[]): boolean[]
  pause(name: string, paused: boolean): boolean
  due(limit: number): { readonly now: number; readonly due: ScheduleRecord[] }
  fire(firing: WireFiring): string[] | null
  accept(schedules: readonly ScheduleRecord[]): ('accepted' | 'kept')[]
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
  paused: number,
  lastAt: number | null,
  lastJobId: string | null,
]

export function createScheduleStore(context: StoreContext, push: Push): ScheduleStore {
  const { connection } = context
  const list = connection.prepare<Row>(`SELECT ${COLUMNS} FROM kerja_schedules ORDER BY name`)
  const due = connection.prepare<Row>(`SELECT ${COLUMNS} FROM kerja_schedules WHERE paused = 0 AND next_at <= ? ORDER BY next_at LIMIT ?`)
  // An unchanged rule keeps its next instant, so that a deploy loses no tick.
  const upsert = connection.prepare(
    `INSERT INTO kerja_schedules (name, source, cron, every_ms, time_zone, missed, overlap, template, kind, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET source = excluded.source, cron = excluded.cron, every_ms = excluded.every_ms, time_zone = excluded.time_zone,
        missed = excluded.missed, overlap = excluded.overlap, template = excluded.template, kind = excluded.kind,
        next_at = CASE WHEN cron IS excluded.cron AND every_ms IS excluded.every_ms AND time_zone = excluded.time_zone THEN next_at ELSE excluded.next_at END`,
  )
  const remove = connection.prepare('DELETE FROM kerja_schedules WHERE name = ?')
  const pause = connection.prepare('UPDATE kerja_schedules SET paused = ? WHERE name = ?')
  const declared = connection.prepare<[string]>('SELECT schedules FROM kerja_workers WHERE died_at IS NULL AND ? - heartbeat_at <= lease_ms')
  const ofWorkers = connection.prepare<[string, string]>("SELECT name, kind FROM kerja_schedules WHERE source = 'worker'")

  function reconcile(definitions: readonly ScheduleDefinition[], kinds: readonly string[]): void {
    const names = new Set(definitions.map(({ name }) => name))
    for (const [schedules] of declared.rows(context.now())) for (const name of JSON.parse(schedules) as string[]) names.add(name)
    for (const [name, kind] of ofWorkers.rows()) if (!names.has(name) && kinds.includes(kind)) remove.run(name)
  }

  return {
    all: () => list.rows().map(recordOf),
    upsert(definitions, kinds) {
      for (const each of definitions) {
        const rule = [each.name, each.source, each.cron, each.everyMs, each.timeZone, each.missed, each.overlap]
        upsert.run(...rule, JSON.stringify(each.template), each.template.kind, each.nextAt)
      }
      if (kinds !== null) reconcile(definitions, kinds)
    },
    remove: (names) => names.map((name) => remove.run(name) === 1),
    pause: (name, paused) => pause.run(paused ? 1 : 0, name) === 1,
    due(limit) {
      const now = context.now()
      return { now, due: due.rows(now, limit).map(recordOf) }
    },
    fire: createFire(context, push),
    accept: createAcceptSchedules(context),
  }
}

/** Schedules of another store. Who declared one here knows its template and policies; where it stands is known over there. */
function createAcceptSchedules({ connection }: StoreContext): ScheduleStore['accept'] {
  const write = connection.prepare(
    `INSERT INTO kerja_schedules (name, source, cron, every_ms, time_zone, missed, overlap, template, kind, next_at, paused, last_at, last_job_id)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at, paused = excluded.paused,
        last_at = excluded.last_at, last_job_id = excluded.last_job_id
      WHERE last_at IS NULL AND cron IS excluded.cron AND every_ms IS excluded.every_ms AND time_zone = excluded.time_zone`,
  )
  return (schedules) =>
    schedules.map((each) => {
      const rule = [each.name, each.source, each.cron, each.everyMs, each.timeZone, each.missed, each.overlap]
      const stands = [each.nextAt, each.paused ? 1 : 0, each.lastAt, each.lastJobId]
      return write.run(...rule, JSON.stringify(each.template), each.template.kind, ...stands) === 1 ? 'accepted' : 'kept'
    })
}

function createFire({ connection }: StoreContext, push: Push): ScheduleStore['fire'] {
  const find = connection.prepare<[nextAt: number, paused: number, lastJobId: string | null]>(
    'SELECT next_at, paused, last_job_id FROM kerja_schedules WHERE name = ?',
  )
  const moveOn = connection.prepare('UPDATE kerja_schedules SET next_at = ?, last_at = ?, last_job_id = ? WHERE name = ?')
  const lives = connection.prepare(
    `SELECT 1 FROM kerja_payloads d JOIN kerja_jobs j ON j.seq = d.seq WHERE d.id = ? AND (j.state = ${RUNNING} OR j.${WAITING_SQL})`,
  )

  return ({ name, expectedNextAt, nextAt, overlap, jobs }) => {
    const [foundNextAt, paused, last] = find.row(name) ?? [null, 0, null]
    if (foundNextAt !== expectedNextAt || paused === 1) return null
    const created: string[] = []
    let lastJobId = last
    for (const job of jobs) {
      if (overlap === 'skip' && lastJobId !== null && lives.row(lastJobId) !== undefined) continue
      if (push([job])[0] !== null) continue
      created.push(job[0])
      lastJobId = job[0]
    }
    moveOn.run(nextAt, expectedNextAt, lastJobId, name)
    return created
  }
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
  paused: row[9] === 1,
  lastAt: row[10],
  lastJobId: row[11],
})
