/** The tables on which processes agree. `schema` is quoted. */

/** Small and written often: room in every page, so that an update stays on it and touches no index. */
const UPDATED_IN_PLACE = 'WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0)'

/**
 * `workers` changes only at registration and death: claims look at it, and must not walk past the row versions that beats leave behind while
 * somebody holds an old snapshot. Beats are written to `heartbeats`. `locked`: the worker's lease thread holds its advisory lock.
 */
export const coordinationStatements = (schema: string): readonly string[] => [
  `CREATE TABLE ${schema}.workers (
    id text PRIMARY KEY,
    name text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    version text NOT NULL,
    queues text[] NOT NULL,
    kinds jsonb NOT NULL,
    schedules text[] NOT NULL,
    concurrency bigint NOT NULL,
    lease_ms bigint NOT NULL,
    started_at bigint NOT NULL,
    died_at bigint
  )`,
  `CREATE TABLE ${schema}.heartbeats (worker text PRIMARY KEY, at bigint NOT NULL, locked boolean NOT NULL DEFAULT false) ${UPDATED_IN_PLACE}`,
  `CREATE TABLE ${schema}.roles (role text PRIMARY KEY, worker text NOT NULL, until bigint NOT NULL) ${UPDATED_IN_PLACE}`,
  `CREATE TABLE ${schema}.paused_queues (queue text PRIMARY KEY, paused_at bigint NOT NULL)`,
  `CREATE TABLE ${schema}.schedules (
    name text PRIMARY KEY,
    source text NOT NULL,
    cron text,
    every_ms bigint,
    time_zone text NOT NULL,
    missed text NOT NULL,
    overlap text NOT NULL,
    template text NOT NULL,
    kind text NOT NULL,
    next_at bigint NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    last_at bigint,
    last_job_id uuid
  ) ${UPDATED_IN_PLACE}`,
]
