/** `kerja.schedules`: recurring rules that stay until removed. Those a worker declares are reconciled by it and listed here too. */
import type { ScheduleRecord } from '../contract/coordination.js'
import { checkName } from '../core/names.js'
import type { ScheduleDeclaration } from '../define/schedule.js'
import { KerjaError, quote } from '../errors.js'
import type { Connection } from './connection.js'
import type { Preparer } from './prepare.js'
import type { Producer } from './producer.js'
import { type Receipt, toReceipt } from './receipt.js'
import { toScheduleDefinition, toTickJob } from './schedule-definition.js'
import { toDate } from './view.js'

export interface ScheduleStatus {
  readonly name: string
  /** The kind of job it enqueues. */
  readonly kind: string
  readonly queue: string
  /** `worker`: declared by a worker. `api`: by `kerja.schedules.upsert`. */
  readonly source: 'worker' | 'api'
  readonly cron: string | null
  readonly everyMs: number | null
  readonly timeZone: string
  readonly missed: 'skip' | 'once' | 'all'
  readonly overlap: 'allow' | 'skip'
  readonly paused: boolean
  readonly nextAt: Date
  readonly lastAt: Date | null
  readonly lastJobId: string | null
}

export interface Schedules {
  /** Creates or replaces by name. An unchanged rule keeps its next instant. @throws {SCHEDULE_INVALID} {OPTION_INVALID} {PAYLOAD_…} */
  upsert(schedules: ScheduleDeclaration | readonly ScheduleDeclaration[]): Promise<void>
  list(): Promise<readonly ScheduleStatus[]>
  /** No ticks until resumed. @throws {SCHEDULE_NOT_FOUND} */
  pause(name: string): Promise<void>
  /** @throws {SCHEDULE_NOT_FOUND} */
  resume(name: string): Promise<void>
  /** Jobs it has made stay. @throws {SCHEDULE_NOT_FOUND} */
  remove(name: string): Promise<void>
  /** Enqueues its job now, beside its ticks. @throws {SCHEDULE_NOT_FOUND} */
  runNow(name: string): Promise<Receipt>
}

export interface SchedulesParts {
  readonly connection: Connection
  readonly preparer: Preparer
  readonly producer: Producer
  readonly createId: () => string
}

export function createSchedules({ connection, preparer, producer, createId }: SchedulesParts): Schedules {
  const coordination = async () => (await connection.open()).coordination

  const setPaused = async (name: string, paused: boolean) => {
    if (!(await (await coordination()).pauseSchedule(checkName(name, 'schedule name'), paused))) throw notFound(name)
  }

  return {
    upsert: async (given) => {
      const declarations = Array.isArray(given) ? (given as readonly ScheduleDeclaration[]) : [given as ScheduleDeclaration]
      const store = await coordination()
      // First ticks are looked for from the store's time, by which they will be judged.
      const { now } = await store.dueSchedules({ limit: 1 })
      // All are checked before any is stored.
      const parts = { source: 'api', now, prepare: preparer.prepare } as const
      await store.upsertSchedules(await Promise.all(declarations.map((declaration) => toScheduleDefinition(declaration, parts))))
    },
    list: async () => (await (await coordination()).schedules()).map(toStatus),
    pause: (name) => setPaused(name, true),
    resume: (name) => setPaused(name, false),
    remove: async (name) => {
      const [removed] = await (await coordination()).removeSchedules([checkName(name, 'schedule name')])
      if (removed !== true) throw notFound(name)
    },
    runNow: async (name) => {
      checkName(name, 'schedule name')
      const store = await coordination()
      const schedule = (await store.schedules()).find((candidate) => candidate.name === name)
      if (schedule === undefined) throw notFound(name)
      const { now } = await store.dueSchedules({ limit: 1 })
      // An id of its own: asking twice is two jobs, and neither is taken for a tick.
      const job = { ...toTickJob(schedule.template, name, now), id: createId(), runAt: null }
      return toReceipt(job, await producer.push(job), 'queued')
    },
  }
}

const notFound = (name: string): KerjaError =>
  new KerjaError('SCHEDULE_NOT_FOUND', `No schedule is named ${quote(name)}. kerja.schedules.list() shows those there are.`, {
    details: { schedule: name },
  })

const toStatus = (record: ScheduleRecord): ScheduleStatus => ({
  name: record.name,
  kind: record.template.kind,
  queue: record.template.queue,
  source: record.source,
  cron: record.cron,
  everyMs: record.everyMs,
  timeZone: record.timeZone,
  missed: record.missed,
  overlap: record.overlap,
  paused: record.paused,
  nextAt: new Date(record.nextAt),
  lastAt: toDate(record.lastAt),
  lastJobId: record.lastJobId,
})
