/** Writes the two rows of a new job. The payload's goes first: the id is unique there, and a duplicate is found before anything else is written. */
import type { StoreContext } from './context.js'
import type { SqlValue } from './driver.js'
import { READY } from './rows.js'
import { rareFieldsOf, type WireJob } from './wire.js'

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
    const [id, lane, priority, payload, , , maxAttempts] = job
    const [, kind] = lane
    const { giveUpAfterMs, group, tags, parentId, tick, unique } = rareFieldsOf(job)
    if (insertPayload.run(seq, id, payload, group, tags, parentId, tick?.schedule ?? null, tick?.instant ?? null) === 0) return false
    const startBy = startByOf(job, now)
    const giveUpAt = giveUpAfterMs === null ? null : Math.ceil(now + giveUpAfterMs)
    const deadline = giveUpAt === null || startBy === null ? (giveUpAt ?? startBy) : Math.min(giveUpAt, startBy)
    const keyed = unique === null ? [null, null, null] : [kind, unique.key, unique.scope === 'live' ? 1 : 0]
    insertJob.run(seq, lanes.idOf(lane), priority, runAtOf(job, now), maxAttempts, now, deadline, giveUpAt, startBy, ...keyed)
    return true
  }
}

/** Rows per statement: starting one opens a cursor on each of the table's indexes. Largest first; the smaller write what a batch leaves over. */
const CHUNK_SIZES = [16, 4, 1] as const
const CHUNK_ROWS_MAX = CHUNK_SIZES[0]
const rows = (count: number, row: string): string => Array(count).fill(row).join(', ')
const plainJobs = (count: number): string =>
  `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at) VALUES ${rows(count, `(?, ?, ?, ${READY}, ?, ?, ?)`)}`
const plainPayloads = (count: number): string =>
  `INSERT INTO kerja_payloads (seq, id, payload) VALUES ${rows(count, '(?, ?, ?)')} ON CONFLICT (id) DO NOTHING`

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

const valuesOf = (values: readonly SqlValue[], width: number, row: number, count: number): readonly SqlValue[] =>
  values.slice(row * width, (row + count) * width)

export function createPlainInsert({ connection, lanes, sequence }: StoreContext): PlainInsert {
  const chunks = CHUNK_SIZES.map((count) => ({
    count,
    jobs: connection.prepare(plainJobs(count)),
    payloads: connection.prepare(plainPayloads(count)),
  }))
  const one = chunks.at(-1) as (typeof chunks)[number]
  const isWritten = connection.prepare('SELECT 1 FROM kerja_payloads WHERE seq = ?')
  // Of the rows that wait: their places in the batch, and their values one after another.
  let positions: number[] = []
  let payloads: SqlValue[] = []
  let jobs: SqlValue[] = []
  let duplicates: number[] = []

  function clear(): void {
    positions = []
    payloads = []
    jobs = []
  }

  /** The rows from `first` on, `chunk.count` of them. */
  function write(chunk: (typeof chunks)[number], first: number): void {
    if (chunk.payloads.run(...valuesOf(payloads, PAYLOAD_VALUES, first, chunk.count)) === chunk.count) {
      chunk.jobs.run(...valuesOf(jobs, JOB_VALUES, first, chunk.count))
      return
    }
    // An id was taken: those whose payload is there are new.
    for (let row = first; row < first + chunk.count; row += 1) {
      if (isWritten.row(payloads[row * PAYLOAD_VALUES] as number) === undefined) duplicates.push(positions[row] as number)
      else one.jobs.run(...valuesOf(jobs, JOB_VALUES, row, 1))
    }
  }

  function writeAll(): void {
    let first = 0
    for (const chunk of chunks) for (; positions.length - first >= chunk.count; first += chunk.count) write(chunk, first)
    clear()
  }

  return {
    add(job, now, position) {
      const seq = sequence.next()
      const [id, lane, priority, payload, , , maxAttempts] = job
      positions.push(position)
      payloads.push(seq, id, payload)
      jobs.push(seq, lanes.idOf(lane), priority, runAtOf(job, now), maxAttempts, now)
      if (positions.length === CHUNK_ROWS_MAX) writeAll()
    },
    flush() {
      writeAll()
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
  const [, , , , delayMs, runAt] = job
  const debounceMs = rareFieldsOf(job).unique?.debounceMs ?? null
  // A fraction of a ms is rounded up: a job never starts early.
  return Math.ceil(debounceMs === null ? (runAt ?? now + delayMs) : now + debounceMs)
}

export const startByOf = (job: WireJob, now: number): number | null => {
  const { startWithinMs } = rareFieldsOf(job)
  return startWithinMs === null ? null : Math.ceil(Math.max(now, runAtOf(job, now)) + startWithinMs)
}
