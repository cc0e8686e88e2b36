/** The application's own database: one SQLite file. A transaction on it can carry jobs along, because Kerja keeps them in the same file. */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

export type Value = string | number | bigint | null

export interface Statement {
  run(...parameters: Value[]): { readonly changes: number | bigint }
  get(...parameters: Value[]): unknown
  all(...parameters: Value[]): unknown[]
}

/** What `node:sqlite` and `better-sqlite3` have in common. */
export interface Database {
  prepare(sql: string): Statement
  exec(sql: string): unknown
  close(): void
}

const LOCK_WAIT_MAX_MS = 10_000
const LOCK_RETRY_MS = 1

const TABLES = `
  CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, newsletter INTEGER NOT NULL, push TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS albums (
    id TEXT PRIMARY KEY, owner_id TEXT NOT NULL REFERENCES users (id), title TEXT NOT NULL, announced_photos INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS photos (
    id TEXT PRIMARY KEY, album_id TEXT NOT NULL REFERENCES albums (id), thumbnail TEXT, resized TEXT, watermarked TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS photos_by_album ON photos (album_id);
  CREATE TABLE IF NOT EXISTS clips (
    id TEXT PRIMARY KEY, album_id TEXT NOT NULL REFERENCES albums (id), file TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), cents INTEGER NOT NULL, charge_id TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS written_jobs (job_id TEXT PRIMARY KEY) STRICT;
  -- Nothing here forbids a second row for one event: that there is none is the doing of ctx.complete(…, { tx }).
  CREATE TABLE IF NOT EXISTS analytics (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, name TEXT NOT NULL, album_id TEXT NOT NULL
  ) STRICT;
`

/**
 * `durable` commits survive a power cut. What a person was told has been accepted must be that. A worker can do without, and then holds the
 * file for a fraction of the time: rows and completion of a job are one commit, so if a power cut takes it, it takes both, and the job is run
 * again.
 */
export function openDatabase(path: string, { durable }: { durable: boolean }): Database {
  const database = openDriver(path)
  // Several processes may open a new file at once; later, `transaction` does the waiting.
  database.exec('PRAGMA busy_timeout = 10000')
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
  database.exec('PRAGMA foreign_keys = ON')
  database.exec(TABLES)
  database.exec('PRAGMA busy_timeout = 0')
  return database
}

/** The driver must be the one that Kerja uses on this Node: two builds of SQLite in one process must not share a file. */
function openDriver(path: string): Database {
  const builtin = process.getBuiltinModule('node:sqlite') as { DatabaseSync: new (path: string) => Database } | undefined
  if (builtin !== undefined && isSafe(new builtin.DatabaseSync(':memory:'))) return new builtin.DatabaseSync(path)
  const BetterSqlite = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database
  return new BetterSqlite(path)
}

/** Whether this SQLite has the fix of 3.51.3 for files that several processes write, as Kerja asks it: some releases of Node carry an older one. */
function isSafe(database: Database): boolean {
  const { version } = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
  database.close()
  if (version === '3.44.6' || version === '3.50.7') return true
  const [, minor = 0, patch = 0] = version.split('.').map(Number)
  return minor > 51 || (minor === 51 && patch >= 3)
}

/**
 * Commits what `work` did, or nothing of it. SQLite lets one process write at a time. Its own way to wait for that would hold up everything else that
 * this process does, so the wait is ours. From BEGIN to COMMIT there is no await: nothing else of this process gets in between.
 */
export async function transaction<T>(database: Database, work: () => T): Promise<T> {
  const deadline = performance.now() + LOCK_WAIT_MAX_MS
  while (!tryBegin(database, performance.now() > deadline)) await sleep(LOCK_RETRY_MS)
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function tryBegin(database: Database, isLastTry: boolean): boolean {
  try {
    database.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isLastTry || !isBusy(error)) throw error
    return false
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number }
  return code === 'SQLITE_BUSY' || errcode === SQLITE_BUSY
}
