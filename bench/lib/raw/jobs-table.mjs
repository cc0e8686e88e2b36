/** The raw engine: one table, one partial index over what is ready. No retries, keys, history or leases, so that its rates bound what a job system on it can reach. */
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** Opens the store of this measurement with an acknowledged write meaning fsynced, as Kerja does. */
export function openJobsTable() {
  const database = new Database(join(process.env.BENCH_STORE, 'raw.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(`
    CREATE TABLE IF NOT EXISTS jobs (
      id INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      state INTEGER NOT NULL DEFAULT 0,
      priority INTEGER NOT NULL DEFAULT 0,
      run_at INTEGER NOT NULL,
      attempt INTEGER NOT NULL DEFAULT 0,
      worker TEXT,
      payload TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ready ON jobs (priority, run_at, id) WHERE state = 0;
  `)
  return database
}

/** Inserts a batch in one commit. */
export function prepareInsert(database) {
  const insert = database.prepare('INSERT INTO jobs (kind, run_at, payload) VALUES (?, ?, ?)')
  return database.transaction((payloads) => {
    const now = Date.now()
    for (const payload of payloads) insert.run('bench.noop', now, payload)
  })
}

/** Ends one batch and claims the next in one commit: the fewest commits that a drain can do. */
export function prepareSettleAndClaim(database) {
  const remove = database.prepare('DELETE FROM jobs WHERE id = ?')
  const claim = database.prepare(`
    UPDATE jobs SET state = 1, attempt = attempt + 1, worker = ?
    WHERE id IN (SELECT id FROM jobs WHERE state = 0 AND run_at <= ? ORDER BY priority, run_at, id LIMIT ?)
    RETURNING id, kind, attempt, payload
  `)
  return database.transaction((settled, limit) => {
    for (const job of settled) remove.run(job.id)
    return claim.all('worker-1', Date.now(), limit)
  })
}
