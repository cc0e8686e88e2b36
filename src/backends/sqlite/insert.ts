/** Writes the two rows of a new job. */
import type { StoreContext } from './context.js'
import type { SqlValue } from './driver.js'
import { READY } from './rows.js'
import type { WireJob } from './wire.js'

/** Rows of plain jobs are written this many per statement: starting one opens a cursor on each of the table's indexes. */
const CHUNK_ROWS = 16
const PLAIN_ROW = `(?, ?, ?, ${READY}, ?, ?, ?)`
const PLAIN_COLUMN_COUNT = 6

/** The few columns that most jobs need. */
const insertPlain = (rows: number): string =>
  `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at) VALUES ${Array(rows).fill(PLAIN_ROW).join(', ')}`
const INSERT_FULL = `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at, deadline, give_up_at, start_by,
  unique_kind, unique_key, unique_live) VALUES (?, ?, ?, ${READY}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const PAYLOAD_PLAIN = 'INSERT INTO kerja_payloads (seq, id, payload) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING'
const PAYLOAD_FULL = `INSERT INTO kerja_payloads (seq, id, payload, job_group, tags, parent, tick_schedule, tick_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

/** The deadline of a job, from the columns that bound it. */
export const DEADLINE_SQL = `CASE WHEN token > 0 OR start_by IS NULL THEN give_up_at WHEN give_up_at IS NULL THEN start_by ELSE min(start_by, give_up_at) END`

export interface Insert {
  /** False when the id is taken, and nothing is written. The job can be claimed and found by its key after `flush`. */
  add(job: WireJob, now: number): boolean
  flush(): void
  /** Drops what was not flushed: its transaction is rolled back. */
  forget(): void
}

export function createInsert(context: StoreContext): Insert {
  const { connection, lanes, sequence } = context
  const insertOne = connection.prepare(insertPlain(1))
  const insertChunk = connection.prepare(insertPlain(CHUNK_ROWS))
  const insertFull = connection.prepare(INSERT_FULL)
  const payloadPlain = connection.prepare(PAYLOAD_PLAIN)
  const payloadFull = connection.prepare(PAYLOAD_FULL)
  let waiting: SqlValue[] = []

  function flush(): void {
    const chunkLength = CHUNK_ROWS * PLAIN_COLUMN_COUNT
    let from = 0
    for (; from + chunkLength <= waiting.length; from += chunkLength) insertChunk.run(...waiting.slice(from, from + chunkLength))
    for (; from < waiting.length; from += PLAIN_COLUMN_COUNT) insertOne.run(...waiting.slice(from, from + PLAIN_COLUMN_COUNT))
    waiting = []
  }

  return {
    add(job, now) {
      const seq = sequence.next()
      const [
        id,
        queue,
        kind,
        version,
        priority,
        payload,
        ,
        ,
        maxAttempts,
        giveUpAfterMs,
        ,
        group,
        tags,
        parent,
        tickSchedule,
        tickInstant,
        ,
        unique,
      ] = job
      const bare = group === null && tags === null && parent === null && tickSchedule === null
      // The id is unique there, and a duplicate is found before anything else is written.
      const created = bare ? payloadPlain.run(seq, id, payload) : payloadFull.run(seq, id, payload, group, tags, parent, tickSchedule, tickInstant)
      if (created === 0) return false
      const lane = lanes.idOf(queue, kind, version)
      const runAt = runAtOf(job, now)
      const startBy = startByOf(job, now)
      if (giveUpAfterMs === null && startBy === null && unique === null) {
        waiting.push(seq, lane, priority, runAt, maxAttempts, now)
        return true
      }
      const giveUpAt = giveUpAfterMs === null ? null : Math.ceil(now + giveUpAfterMs)
      const deadline = giveUpAt === null || startBy === null ? (giveUpAt ?? startBy) : Math.min(giveUpAt, startBy)
      const keyed = unique === null ? [null, null, null] : [kind, unique.key, unique.scope === 'live' ? 1 : 0]
      insertFull.run(seq, lane, priority, runAt, maxAttempts, now, deadline, giveUpAt, startBy, ...keyed)
      return true
    },
    flush,
    forget() {
      waiting = []
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
