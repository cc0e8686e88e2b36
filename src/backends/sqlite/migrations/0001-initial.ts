/** The first schema. Every index of `kerja_jobs` is partial, so that a job is in one small index at a time. */

/**
 * A job is two rows under one number. `kerja_jobs` holds what changes when it is claimed and settled: narrow rows, so that a commit of a
 * hundred jobs writes a handful of pages, and a large payload is written once. `kerja_payloads` holds what it is.
 *
 * The numbers in `state`: 1 running, 2 completed, 3 cancelled, 4 failed, and three of waiting: 0 ready or due later, 5 a suspect that must
 * run alone, 6 held as invalid. They are apart so that a claim's index holds nothing it could not hand out.
 */
export const initial = Object.freeze({
  version: 1,
  name: 'initial',
  statements: Object.freeze([
    // A lane is what workers choose by. A claim resolves its lanes and never scans a job of another.
    'CREATE TABLE kerja_lanes (id INTEGER PRIMARY KEY, queue TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (queue, kind, version)) STRICT',
    // The next job's number. Numbers are never used twice: a stale lease can never meet another job.
    'CREATE TABLE kerja_sequence (next INTEGER NOT NULL) STRICT',
    'INSERT INTO kerja_sequence (next) VALUES (1)',
    `CREATE TABLE kerja_jobs (
  seq INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  state INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  token INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  crash_count INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  alone INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  claimed_at INTEGER,
  lease_until INTEGER,
  finished_at INTEGER,
  prune_at INTEGER,
  deadline INTEGER,
  give_up_at INTEGER,
  start_by INTEGER,
  worker INTEGER,
  unique_kind TEXT,
  unique_key TEXT,
  unique_live INTEGER,
  cancel_reason TEXT,
  cancel_retention INTEGER,
  reason TEXT
) STRICT`,
    `CREATE TABLE kerja_payloads (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  job_group TEXT,
  tags TEXT,
  parent TEXT,
  tick_schedule TEXT,
  tick_at INTEGER,
  failure TEXT,
  payload TEXT NOT NULL
) STRICT`,
    'CREATE TABLE kerja_results (seq INTEGER PRIMARY KEY, result TEXT NOT NULL) STRICT',
    'CREATE INDEX kerja_jobs_ready ON kerja_jobs (lane, priority, run_at) WHERE state = 0',
    'CREATE INDEX kerja_jobs_retrying ON kerja_jobs (lane, run_at) WHERE state = 0 AND failed = 1',
    'CREATE INDEX kerja_jobs_suspect ON kerja_jobs (lane, run_at) WHERE state = 5',
    'CREATE INDEX kerja_jobs_held ON kerja_jobs (lane) WHERE state = 6',
    'CREATE INDEX kerja_jobs_running ON kerja_jobs (worker) WHERE state = 1',
    // For lists: in each, the jobs of one state are in the order of their numbers.
    'CREATE INDEX kerja_jobs_failed_or_cancelled ON kerja_jobs (state) WHERE state IN (3, 4)',
    'CREATE INDEX kerja_jobs_to_retry ON kerja_jobs (failed) WHERE failed = 1 AND state IN (0, 5, 6)',
    'CREATE INDEX kerja_jobs_deadline ON kerja_jobs (deadline) WHERE deadline IS NOT NULL AND state IN (0, 5, 6)',
    // One holder per key: any waiting job, and a running one whose key lasts to its end.
    `CREATE UNIQUE INDEX kerja_jobs_unique ON kerja_jobs (unique_kind, unique_key)
  WHERE unique_key IS NOT NULL AND (state IN (0, 5, 6) OR (state = 1 AND unique_live = 1))`,
    `CREATE TABLE kerja_attempts (
  job INTEGER NOT NULL, token INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL, failure TEXT, PRIMARY KEY (job, token)
) STRICT, WITHOUT ROWID`,
    `CREATE TABLE kerja_logs (
  job INTEGER NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (job, line)
) STRICT, WITHOUT ROWID`,
    // Apart from the job: progress is written often, and a job's row may hold a large payload.
    'CREATE TABLE kerja_progress (job INTEGER PRIMARY KEY, token INTEGER NOT NULL, fraction REAL NOT NULL, message TEXT, at INTEGER NOT NULL) STRICT',
    `CREATE TABLE kerja_idempotency (
  kind TEXT NOT NULL, key TEXT NOT NULL, payload_hash TEXT NOT NULL, job_id TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID`,
    'CREATE INDEX kerja_idempotency_expiry ON kerja_idempotency (expires_at)',
    // The jobs that ended in one commit with one retention, as a JSON list of their numbers; and how many there are.
    'CREATE TABLE kerja_ended (id INTEGER PRIMARY KEY, prune_at INTEGER NOT NULL, seqs TEXT NOT NULL) STRICT',
    'CREATE INDEX kerja_ended_prune ON kerja_ended (prune_at)',
    `CREATE TABLE kerja_ended_counts (
  lane INTEGER NOT NULL, state INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (lane, state)
) STRICT, WITHOUT ROWID`,
    `CREATE TABLE kerja_counters (
  queue TEXT NOT NULL, minute INTEGER NOT NULL, completed INTEGER NOT NULL, retried INTEGER NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (queue, minute)
) STRICT, WITHOUT ROWID`,
    'CREATE TABLE kerja_paused_queues (queue TEXT PRIMARY KEY, paused_at INTEGER NOT NULL) STRICT, WITHOUT ROWID',
    // Every worker that ever registered: a job names its worker by number, also when that is long gone.
    'CREATE TABLE kerja_worker_ids (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT',
    `CREATE TABLE kerja_workers (
  id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, name TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
  version TEXT NOT NULL, queues TEXT NOT NULL, kinds TEXT NOT NULL, schedules TEXT NOT NULL, concurrency INTEGER NOT NULL, lease_ms INTEGER NOT NULL,
  started_at INTEGER NOT NULL, heartbeat_at INTEGER NOT NULL, died_at INTEGER
) STRICT`,
    'CREATE TABLE kerja_roles (role TEXT PRIMARY KEY, worker TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID',
    `CREATE TABLE kerja_schedules (
  name TEXT PRIMARY KEY, source TEXT NOT NULL, cron TEXT, every_ms INTEGER, time_zone TEXT NOT NULL, missed TEXT NOT NULL, overlap TEXT NOT NULL,
  template TEXT NOT NULL, kind TEXT NOT NULL, next_at INTEGER NOT NULL, paused INTEGER NOT NULL DEFAULT 0, last_at INTEGER, last_job_id TEXT
) STRICT`,
  ]),
})
