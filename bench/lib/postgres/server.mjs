/** The PostgreSQL server of this measurement, as its processes see it: where it is, and what it has spent. */
import { readFileSync } from 'node:fs'
import pg from 'pg'

const { BENCH_POSTGRES_URL: url, BENCH_POSTGRES_PID: postmaster } = process.env

export const schema = process.env.BENCH_POSTGRES_SCHEMA
export const connectionString = url

/** A connection whose statements find the tables of the measurement. */
export async function connect() {
  const client = new pg.Client({ connectionString, options: `-c search_path=${schema}` })
  await client.connect()
  return client
}

let control
/** Asks the server something, over a connection that is kept for it. */
export async function ask(statement) {
  control ??= connect()
  return (await (await control).query(statement)).rows[0]
}

// USER_HZ, which is 100 wherever Node runs on Linux.
const TICKS_PER_SECOND = 100
const FIELDS_AFTER_NAME = { utime: 11, stime: 12, cutime: 13, cstime: 14 }

/** CPU ticks of a process itself and of its ended children, or null when it is gone. */
function readTicks(pid) {
  let stat
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // Ended since it was listed: its postmaster counts it now.
    return null
  }
  // The name stands in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const read = (name) => Number(fields[FIELDS_AFTER_NAME[name]])
  return { own: read('utime') + read('stime'), ended: read('cutime') + read('cstime') }
}

const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)

function sumTicks() {
  for (;;) {
    const before = readTicks(postmaster)
    const living = childrenOf(postmaster).map((pid) => readTicks(pid)?.own ?? 0)
    const after = readTicks(postmaster)
    // A process that ended between would be counted twice or never.
    if (before.ended === after.ended) return after.own + after.ended + living.reduce((sum, ticks) => sum + ticks, 0)
  }
}

/** CPU seconds of all processes of the server, ended ones too. Null for a server that is not our own, or where there is no /proc. */
export async function serverCpuSeconds() {
  if (postmaster === undefined || process.platform !== 'linux') return null
  return sumTicks() / TICKS_PER_SECOND
}

/** Bytes of write-ahead log that the server has written so far. */
export async function walBytes() {
  const { bytes } = await ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes")
  return Number(bytes)
}
