/** The tables on which processes agree. `schema` is quoted. */

import { quoteLiteral } from '../options.js'
import { BY_INDEX, body } from './functions.js'

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

/** The advisory lock that a worker's lease thread holds: a bigint expression. `schema` is quoted, `worker` an expression. */
export const processLockOf = (schema: string, worker: string): string => `hashtextextended(${quoteLiteral(`${schema} `)} || ${worker}, 0)`

/** A beat comes every 2 s; half a beat late, with the lock free, means that the process is gone. */
const OVERDUE_MS = 3_000
/** After the server's start everybody gets this long to beat again. */
const RESTART_PATIENCE = "interval '3 seconds'"

/** What is done in one round trip. The suffix is the function's version: an older process goes on calling the one that it knows. */
export const coordinationFunctions = (schema: string): readonly string[] => [
  // Renews only who is not declared dead; FOR SHARE orders a beat and a declaration that meet.
  // `p_since`: no claim of this worker is older. While an old snapshot is held, the index keeps what was claimed and settled long ago.
  `CREATE FUNCTION ${schema}.beat_1(p_now bigint, p_worker text, p_locked boolean, p_since bigint,
    OUT alive boolean, OUT beaten_at bigint, OUT oldest bigint, OUT job_ids uuid[], OUT tokens bigint[], OUT cancels boolean[])
    LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
    BEGIN
      beaten_at := ${schema}.now_1(p_now);
      job_ids := '{}'; tokens := '{}'; cancels := '{}';
      PERFORM FROM ${schema}.workers w WHERE w.id = p_worker AND w.died_at IS NULL FOR SHARE;
      alive := FOUND;
      IF NOT alive THEN RETURN; END IF;
      INSERT INTO ${schema}.heartbeats AS h (worker, at, locked) VALUES (p_worker, beaten_at, p_locked)
        ON CONFLICT (worker) DO UPDATE SET at = excluded.at, locked = excluded.locked;
      SELECT min(r.claimed_at), coalesce(array_agg(r.id), '{}'), coalesce(array_agg(r.token), '{}'), coalesce(array_agg(r.cancel_reason IS NOT NULL), '{}')
        INTO oldest, job_ids, tokens, cancels FROM ${schema}.running r WHERE r.worker = p_worker AND r.claimed_at >= p_since;
    END`)}`,
  // Each death is judged again under the row's lock, since the worker may have beaten since it was looked at.
  `CREATE FUNCTION ${schema}.reap_1(p_now bigint) RETURNS SETOF text LANGUAGE plpgsql AS ${body(`
    DECLARE
      v_now bigint := ${schema}.now_1(p_now);
      v_worker text;
    BEGIN
      IF p_now IS NULL AND clock_timestamp() - pg_postmaster_start_time() < ${RESTART_PATIENCE} THEN RETURN; END IF;
      FOR v_worker IN SELECT w.id FROM ${schema}.workers w WHERE w.died_at IS NULL AND NOT ${schema}.lives_1(v_now, w.id, w.lease_ms) ORDER BY w.id LOOP
        PERFORM FROM ${schema}.workers w WHERE w.id = v_worker AND w.died_at IS NULL FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        UPDATE ${schema}.workers w SET died_at = v_now WHERE w.id = v_worker AND NOT ${schema}.lives_1(v_now, w.id, w.lease_ms);
        IF FOUND THEN RETURN NEXT v_worker; END IF;
      END LOOP;
    END`)}`,
  // A beat from the future is one of before the clock was set back: then the lock alone decides.
  `CREATE FUNCTION ${schema}.lives_1(p_now bigint, p_worker text, p_lease_ms bigint) RETURNS boolean LANGUAGE sql VOLATILE AS ${body(`
    SELECT EXISTS (SELECT FROM ${schema}.heartbeats h WHERE h.worker = p_worker AND p_now - h.at <= p_lease_ms
      AND (NOT h.locked OR abs(p_now - h.at) <= ${OVERDUE_MS} OR EXISTS (
        SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND ((l.classid::bigint << 32) | l.objid::bigint) = ${processLockOf(schema, 'p_worker')})))`)}`,
  // One step: compare, create the ticks' jobs, move on. A job that is refused (its id is known, its key is taken) is left out.
  `CREATE FUNCTION ${schema}.fire_schedule_1(p_now bigint, p_name text, p_expected bigint, p_next bigint, p_skip boolean, p_jobs json) RETURNS text[]
    LANGUAGE plpgsql AS ${body(`
    DECLARE
      v_now bigint := ${schema}.now_1(p_now);
      v_schedule ${schema}.schedules;
      v_job json;
      v_created text[] := '{}';
    BEGIN
      SELECT * INTO v_schedule FROM ${schema}.schedules s WHERE s.name = p_name FOR UPDATE;
      IF NOT FOUND OR v_schedule.next_at <> p_expected OR v_schedule.paused THEN RETURN NULL; END IF;
      FOR v_job IN SELECT j FROM json_array_elements(p_jobs) j LOOP
        CONTINUE WHEN p_skip AND EXISTS (SELECT FROM ${schema}.jobs j WHERE j.id = v_schedule.last_job_id);
        CONTINUE WHEN ${schema}.push_items_1(v_now, json_build_array(v_job))::json ->> 0 IS NOT NULL;
        v_schedule.last_job_id := v_job ->> 0;
        v_created := v_created || (v_job ->> 0);
      END LOOP;
      UPDATE ${schema}.schedules s SET next_at = p_next, last_at = p_expected, last_job_id = v_schedule.last_job_id WHERE s.name = p_name;
      RETURN v_created;
    END`)}`,
]
