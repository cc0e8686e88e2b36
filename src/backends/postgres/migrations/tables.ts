/**
 * The tables of jobs. `schema` is quoted.
 *
 * A live job is two rows under one number: its body in `jobs`, written once at the push, and its place, a narrow row in `waiting` or in
 * `running`. A claim moves the place from one to the other and a settlement moves the whole job to `history`: rows are inserted and deleted,
 * never updated, so that no index holds more than what is in that state. `seq` is never used twice, so that a stale lease meets no other job.
 *
 * `state` of a waiting row: 0 ready or due later, 5 a suspect that must run alone, 6 held as invalid. Of an ended one: 2 completed,
 * 3 cancelled, 4 failed. `forwarding` of a running row: 1 it is carried to another store, 2 so is one that was held. `keyed`: 0 without a unique key, 1 it is held while waiting, 2 while waiting or running.
 */

/** Rows come and go by the thousand per second: vacuum soon, at full speed, and never lock the table to give pages back that are needed again. */
const QUEUE = `autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off`

/** What a place knows of its job, whether it waits or runs. */
const PLACE = `seq bigint PRIMARY KEY,
    run_at bigint NOT NULL,
    id uuid NOT NULL,
    lane int NOT NULL,
    token int NOT NULL DEFAULT 0,
    attempt int NOT NULL DEFAULT 0,
    max_attempts int NOT NULL,
    crash_count int NOT NULL DEFAULT 0,
    priority smallint NOT NULL,
    keyed smallint NOT NULL DEFAULT 0,
    failed boolean NOT NULL DEFAULT false,
    claimed_at bigint,
    give_up_at bigint,
    start_by bigint`

export const tableStatements = (schema: string): readonly string[] => [
  // A lane is what workers choose by. It is never removed, so that a number once seen stays true.
  `CREATE TABLE ${schema}.lanes (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    kind text NOT NULL,
    version int NOT NULL,
    UNIQUE (queue, kind, version)
  )`,
  `CREATE SEQUENCE ${schema}.job_seq`,
  `CREATE TABLE ${schema}.jobs (
    id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    created_at bigint NOT NULL,
    tick_at bigint,
    parent text,
    unique_key text,
    job_group text,
    tags text,
    tick_schedule text,
    failure text,
    payload text NOT NULL
  ) WITH (${QUEUE})`,
  `CREATE TABLE ${schema}.waiting (
    ${PLACE},
    state smallint NOT NULL DEFAULT 0,
    deadline bigint
  ) WITH (${QUEUE})`,
  // Due or due later, no matter: a claim reads up to the present, and the future lies behind it in the same index.
  `CREATE INDEX waiting_ready ON ${schema}.waiting (lane, priority, run_at, seq) WHERE state = 0`,
  `CREATE INDEX waiting_suspect ON ${schema}.waiting (lane, priority, run_at, seq) WHERE state = 5`,
  `CREATE INDEX waiting_held ON ${schema}.waiting (lane) WHERE state = 6`,
  `CREATE INDEX waiting_retrying ON ${schema}.waiting (lane, run_at) WHERE failed AND state = 0`,
  `CREATE INDEX waiting_failed ON ${schema}.waiting (id) WHERE failed`,
  `CREATE INDEX waiting_deadline ON ${schema}.waiting (deadline) WHERE deadline IS NOT NULL`,
  `CREATE TABLE ${schema}.running (
    ${PLACE},
    alone boolean NOT NULL DEFAULT false,
    worker text NOT NULL,
    lease_until bigint,
    cancel_retention bigint,
    cancel_reason text,
    forwarding smallint NOT NULL DEFAULT 0
  ) WITH (${QUEUE})`,
  // By time, so that a heartbeat can begin at the oldest claim it knows of and not at the dead entries before it.
  `CREATE INDEX running_worker ON ${schema}.running (worker, claimed_at)`,
  `CREATE INDEX running_alone ON ${schema}.running (seq) WHERE alone`,
  // By id: an id is a UUIDv7, so its order is that of time, and a day is a range of ids. An id is looked for in one partition only.
  `CREATE TABLE ${schema}.history (
    id uuid NOT NULL PRIMARY KEY,
    seq bigint NOT NULL,
    run_at bigint NOT NULL,
    created_at bigint NOT NULL,
    finished_at bigint NOT NULL,
    prune_at bigint NOT NULL,
    claimed_at bigint,
    give_up_at bigint,
    start_by bigint,
    tick_at bigint,
    lane int NOT NULL,
    token int NOT NULL,
    attempt int NOT NULL,
    max_attempts int NOT NULL,
    crash_count int NOT NULL,
    priority smallint NOT NULL,
    state smallint NOT NULL,
    keyed smallint NOT NULL,
    cancel_requested boolean NOT NULL,
    worker text,
    parent text,
    unique_key text,
    job_group text,
    tags text,
    tick_schedule text,
    reason text,
    failure text,
    result text,
    payload text NOT NULL
  ) PARTITION BY RANGE (id)`,
  `CREATE INDEX history_ended ON ${schema}.history (lane, state, prune_at)`,
  // For lists of them: completed jobs are not in it.
  `CREATE INDEX history_not_completed ON ${schema}.history (state, id) WHERE state IN (3, 4)`,
  `CREATE TABLE ${schema}.history_default PARTITION OF ${schema}.history DEFAULT`,
  `CREATE TABLE ${schema}.attempts (
    seq bigint NOT NULL,
    token int NOT NULL,
    attempt int NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint NOT NULL,
    worker text,
    outcome text NOT NULL,
    failure text,
    PRIMARY KEY (seq, token)
  )`,
  `CREATE TABLE ${schema}.logs (seq bigint NOT NULL, line int NOT NULL, at bigint NOT NULL, level text NOT NULL, message text NOT NULL, PRIMARY KEY (seq, line))`,
  `CREATE TABLE ${schema}.progress (seq bigint PRIMARY KEY, token int NOT NULL, fraction double precision NOT NULL, message text, at bigint NOT NULL)
    WITH (fillfactor = 50)`,
  // The unique keys held now, and nothing else: at most one job per key, at every commit.
  `CREATE TABLE ${schema}.keys (
    kind text NOT NULL,
    key text NOT NULL,
    seq bigint NOT NULL UNIQUE,
    id uuid NOT NULL,
    PRIMARY KEY (kind, key)
  )`,
  `CREATE TABLE ${schema}.idempotency (
    kind text NOT NULL,
    key text NOT NULL,
    payload_hash text NOT NULL,
    job_id uuid NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (kind, key)
  )`,
  // The keys of a job go with it when it is carried to another store.
  `CREATE INDEX idempotency_job ON ${schema}.idempotency (job_id)`,
  `CREATE INDEX idempotency_expiry ON ${schema}.idempotency (expires_at)`,
  // One row per settled batch, added up by whoever reads: a row that all workers updated would make their commits wait for each other.
  `CREATE TABLE ${schema}.counters (lane int NOT NULL, minute bigint NOT NULL, completed int NOT NULL, retried int NOT NULL, failed int NOT NULL)`,
  `CREATE INDEX counters_minute ON ${schema}.counters (minute, lane)`,
]
