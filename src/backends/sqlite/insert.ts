/** Writes the two rows of a new job. The payload's goes first: the id is unique there, and a duplicate is found before anything else is written. */
import type { StoreContext } from './context.js'
import type { SqlValue } from './driver.js'
import { READY } from './rows.js'
import type { WireJob } from './wire.js'

const INSERT_JOB = `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at, deadline, give_up_at, start_by,
  unique_kind, unique_key, unique_live) VALUES (?, ?, ?, ${READY}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const INSERT_PAYLOAD = `INSERT INTO kerja_payloads (seq, id, payload, job_group, tags, parent, tick_schedule, tick_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

/** The deadline of a job, from the columns that bound it: `start_by` binds until a worker claims it. */
export const DEADLINE_SQL = `CASE WHEN claimed_at IS NOT NULL OR start_by IS NULL THEN give_up_at WHEN give_up_at IS NULL THEN start_by ELSE min(start_by, give_up_at) END`

/** False when the id is taken, and nothing is written. */
export type Insert = (job: WireJob, now: number) => boolean

export function createInsert({ connection, lanes, sequence }: StoreContext): Insert {
  const insertJob = connection.prepare(INSERT_JOB)
  const insertPayload = connection.prepare(INSERT_PAYLOAD)

  return (job, now) => {
    const seq = sequence.next()
    const [id, queue, kind, version, priority, payload, , , maxAttempts, giveUpAfterMs, , group, tags, parent, tickSchedule, tickInstant, , unique] =
      job
    if (insertPayload.run(seq, id, payload, group, tags, parent, tickSchedule, tickInstant) === 0) return false
    const startBy = startByOf(job, now)
    const giveUpAt = giveUpAfterMs === null ? null : Math.ceil(now + giveUpAfterMs)
    const deadline = giveUpAt === null || startBy === null ? (giveUpAt ?? startBy) : Math.min(giveUpAt, startBy)
    const keyed = unique === null ? [null, null, null] : [kind, unique.key, unique.scope === 'live' ? 1 : 0]
    insertJob.run(seq, lanes.idOf(queue, kind, version), priority, runAtOf(job, now), maxAttempts, now, deadline, giveUpAt, startBy, ...keyed)
    return true
  }
}

/** Rows per statement: starting one opens a cursor on each of the table's indexes. */
const CHUNK_ROWS = 16
const rows = (count: number, row: string): string => Array(count).fill(row).join(', ')
const plainJobs = (count: number): string =>
  `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at) VALUES ${rows(count, `(?, ?, ?, ${READY}, ?, ?, ?)`)}`
const plainPayloads = (count: number): string =>
  `INSERT INTO kerja_payloads (seq, id, payload) VALUES ${rows(count, '(?, ?, ?)')} ON CONFLICT (id) DO NOTHING`

/** Most jobs have no keys, no limits and nothing but a payload. They are written many at a time. */
export const isPlain = (job: WireJob): boolean => {
  for (let column = FIRST_RARE_COLUMN; column < job.length; column += 1) if (job[column] !== null) return false
  return true
}
/** From here on a wire job has what few jobs have: limits, group, tags, origin, keys. */
const FIRST_RARE_COLUMN = 9

export interface PlainInsert {
  /** The job is written by the next `flush` at the latest. `position` is its place in the batch. */
  add(job: WireJob, now: number, position: number): void
  /** The positions of those whose id was taken, since the last flush. */
  flush(): number[]
  /** Drops what was not flushed: its transaction is rolled back. */
  forget(): void
}

/** Values of one row in the statements of plain jobs. */
const PAYLOAD_VALUES = 3
const JOB_VALUES = 6

export function createPlainInsert({ connection, lanes, sequence }: StoreContext): PlainInsert {
  const jobsChunk = connection.prepare(plainJobs(CHUNK_ROWS))
  const payloadsChunk = connection.prepare(plainPayloads(CHUNK_ROWS))
  const oneJob = connection.prepare(plainJobs(1))
  const onePayload = connection.prepare(plainPayloads(1))
  const isWritten = connection.prepare('SELECT 1 FROM kerja_payloads WHERE seq = ?')
  // Of the rows that wait: their places in the batch, and their values one after another.
  let positions: number[] = []
  let payloads: SqlValue[] = []
  let jobs: SqlValue[] = []
  let duplicates: number[] = []

  const jobValues = (row: number): SqlValue[] => jobs.slice(row * JOB_VALUES, (row + 1) * JOB_VALUES)

  function clear(): void {
    positions = []
    payloads = []
    jobs = []
  }

  /** The payload of this row was or was not written. */
  function finish(row: number, created: boolean): void {
    if (created) oneJob.run(...jobValues(row))
    else duplicates.push(positions[row] as number)
  }

  function writeChunk(): void {
    if (payloadsChunk.run(...payloads) === CHUNK_ROWS) jobsChunk.run(...jobs)
    else for (let row = 0; row < CHUNK_ROWS; row += 1) finish(row, isWritten.row(payloads[row * PAYLOAD_VALUES] as number) !== undefined)
    clear()
  }

  return {
    add(job, now, position) {
      const seq = sequence.next()
      const [id, queue, kind, version, priority, payload, , , maxAttempts] = job
      positions.push(position)
      payloads.push(seq, id, payload)
      jobs.push(seq, lanes.idOf(queue, kind, version), priority, runAtOf(job, now), maxAttempts, now)
      if (positions.length === CHUNK_ROWS) writeChunk()
    },
    flush() {
      for (let row = 0; row < positions.length; row += 1)
        finish(row, onePayload.run(...payloads.slice(row * PAYLOAD_VALUES, (row + 1) * PAYLOAD_VALUES)) === 1)
      clear()
      const found = duplicates
      duplicates = []
      return found
    },
    forget() {
      clear()
      duplicates = []
    },
  }
}

export const runAtOf = (job: WireJob, now: number): number => {
  const debounceMs = job[17]?.debounceMs ?? null
  // A fraction of a ms is rounded up: a job never starts early.
  return Math.ceil(debounceMs === null ? (job[7] ?? now + job[6]) : now + debounceMs)
}

export const startByOf = (job: WireJob, now: number): number | null =>
  job[10] === null ? null : Math.ceil(Math.max(now, runAtOf(job, now)) + job[10])
