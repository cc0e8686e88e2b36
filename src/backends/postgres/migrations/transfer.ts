/** SQL functions that hand jobs to another store, and take those of one. `schema` is quoted. */
import { SUPERSEDED_RETENTION_MS } from '../../../core/state.js'
import { quoteLiteral } from '../options.js'
import { CANCELLED, HELD, READY, SUSPECT, SUSPECT_AGAIN_SQL } from '../rows.js'
import { BY_INDEX, body } from './functions.js'

export const transferStatements = (schema: string): readonly string[] => [
  carriedType(schema),
  givenType(schema),
  takeWaiting(schema),
  readEnded(schema),
  leave(schema),
  acceptKeys(schema),
  acceptAttempts(schema),
  acceptWaiting(schema),
  acceptEnded(schema),
  acceptKeyed(schema),
]

/** A job that is read to be carried. `attempts`: [[attempt, token, worker, startedAt, endedAt, outcome, failure], …]; `keys`: [[kind, key, payloadHash, expiresAt], …]. */
const carriedType = (schema: string): string =>
  `CREATE TYPE ${schema}.carried_1 AS (seq bigint, id uuid, lane int, priority int, state int, run_at bigint, token int, attempt int, max_attempts int,
    crash_count int, failed boolean, created_at bigint, claimed_at bigint, finished_at bigint, prune_at bigint, give_up_at bigint, start_by bigint,
    worker text, keyed int, unique_key text, reason text, job_group text, tags text, parent text, tick_schedule text, tick_at bigint, failure text,
    payload text, result text, attempts text, keys text)`

/** A job that another store gives, as JSON. `seq` is its number here. `attempts` and `keys` as in `carried_1`. */
const givenType = (schema: string): string =>
  `CREATE TYPE ${schema}.given_1 AS (seq bigint, id uuid, lane int, priority smallint, state smallint, run_at bigint, token int, attempt int,
    max_attempts int, crash_count int, failed boolean, created_at bigint, claimed_at bigint, finished_at bigint, prune_at bigint, give_up_at bigint,
    start_by bigint, worker text, keyed smallint, kind text, unique_key text, reason text, job_group text, tags text, parent text, tick_schedule text,
    tick_at bigint, failure text, payload text, result text, attempts json, keys json)`

/** What lies in other tables. */
const beside = (schema: string, row: string): string =>
  `(SELECT json_agg(json_build_array(a.attempt, a.token, a.worker, a.started_at, a.ended_at, a.outcome, a.failure) ORDER BY a.token)::text
      FROM ${schema}.attempts a WHERE a.seq = ${row}.seq),
    (SELECT json_agg(json_build_array(i.kind, i.key, i.payload_hash, i.expires_at))::text FROM ${schema}.idempotency i
      WHERE i.job_id = ${row}.id AND i.expires_at > v_now)`

/** Locks more than it takes when they are large; what it leaves is free again at once. */
const takeWaiting = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.take_waiting_1(p_now bigint, p_worker text, p_after bigint, p_limit int, p_bytes bigint)
  RETURNS SETOF ${schema}.carried_1 LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
BEGIN
  IF NOT EXISTS (SELECT 1 FROM ${schema}.workers WHERE id = p_worker AND died_at IS NULL) THEN RETURN; END IF;
  RETURN QUERY
    WITH locked AS MATERIALIZED (
      SELECT w.seq, w.id FROM ${schema}.waiting w WHERE w.seq > p_after ORDER BY w.seq LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), chosen AS (
      SELECT x.seq FROM (SELECT l.seq, row_number() OVER (ORDER BY l.seq) AS n, sum(octet_length(j.payload)) OVER (ORDER BY l.seq) AS size
        FROM locked l JOIN ${schema}.jobs j ON j.id = l.id) x WHERE x.n = 1 OR x.size <= p_bytes
    ), c AS (
      DELETE FROM ${schema}.waiting w USING chosen x WHERE w.seq = x.seq RETURNING w.*
    ), placed AS (
      INSERT INTO ${schema}.running (seq, run_at, id, lane, token, attempt, max_attempts, crash_count, priority, keyed, failed, claimed_at, give_up_at,
          start_by, worker, forwarding)
        SELECT c.seq, c.run_at, c.id, c.lane, c.token + 1, c.attempt + 1, c.max_attempts, c.crash_count, c.priority, c.keyed, c.failed, c.claimed_at,
          c.give_up_at, c.start_by, p_worker, CASE c.state WHEN ${HELD} THEN 2 ELSE 1 END FROM c
    ), freed AS (
      DELETE FROM ${schema}.keys k USING c WHERE c.keyed = 1 AND k.seq = c.seq
    )
    SELECT c.seq, c.id, c.lane, c.priority::int, c.state::int, c.run_at, c.token + 1, c.attempt, c.max_attempts, c.crash_count, c.failed, j.created_at,
      c.claimed_at, NULL::bigint, NULL::bigint, c.give_up_at, c.start_by, NULL::text, c.keyed::int, j.unique_key, NULL::text, j.job_group, j.tags,
      j.parent, j.tick_schedule, j.tick_at, j.failure, j.payload, NULL::text, ${beside(schema, 'c')}
    FROM c JOIN ${schema}.jobs j ON j.id = c.id ORDER BY c.seq;
END`)}`

const readEnded = (schema: string): string => `CREATE FUNCTION ${schema}.read_ended_1(p_now bigint, p_after uuid, p_limit int, p_bytes bigint)
  RETURNS SETOF ${schema}.carried_1 LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
BEGIN
  RETURN QUERY
    SELECT h.seq, h.id, h.lane, h.priority::int, h.state::int, h.run_at, h.token, h.attempt, h.max_attempts, h.crash_count, false, h.created_at,
      h.claimed_at, h.finished_at, h.prune_at, h.give_up_at, h.start_by, h.worker, h.keyed::int, h.unique_key, h.reason, h.job_group, h.tags,
      h.parent, h.tick_schedule, h.tick_at, h.failure, h.payload, h.result, ${beside(schema, 'h')}
    FROM (SELECT h.*, row_number() OVER (ORDER BY h.id) AS n, sum(octet_length(h.payload) + coalesce(octet_length(h.result), 0)) OVER (ORDER BY h.id) AS size
      FROM (SELECT * FROM ${schema}.history WHERE id > p_after ORDER BY id LIMIT p_limit) h) h
    WHERE h.n = 1 OR h.size <= p_bytes ORDER BY h.id;
END`)}`

/** `p_items`: [{ n: position, s: seq or null, i: id, t: token, f: finishedAt or null, c: cancelCarried }]. The answer: { left: positions, cancels: [[n, reason, retention], …] }. */
const leave = (schema: string): string =>
  `CREATE FUNCTION ${schema}.leave_1(p_items json) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_seqs bigint[];
  v_left int[];
  v_cancels json;
BEGIN
  WITH i AS MATERIALIZED (
    SELECT i.n, coalesce(i.s, (SELECT j.seq FROM ${schema}.jobs j WHERE j.id = i.i)) AS seq, i.i AS id, i.t, i.f, i.c
      FROM json_to_recordset(p_items) AS i(n int, s bigint, i uuid, t int, f bigint, c boolean)
  ), r AS (
    DELETE FROM ${schema}.running r USING i WHERE i.f IS NULL AND r.seq = i.seq AND r.token = i.t AND (r.cancel_reason IS NULL OR i.c)
      RETURNING i.n, r.seq, r.id, r.keyed
  ), freed AS (
    DELETE FROM ${schema}.keys k USING r WHERE r.keyed = 2 AND k.seq = r.seq
  ), gone AS (
    DELETE FROM ${schema}.jobs j USING r WHERE j.id = r.id
  ), h AS (
    DELETE FROM ${schema}.history h USING i WHERE i.f IS NOT NULL AND h.id = i.id AND h.finished_at = i.f AND h.token = i.t RETURNING i.n, h.seq
  )
  SELECT array_agg(x.n), array_agg(x.seq) INTO v_left, v_seqs FROM (SELECT r.n, r.seq FROM r UNION ALL SELECT h.n, h.seq FROM h) x;
  PERFORM ${schema}.forget_1(v_seqs);
  SELECT json_agg(json_build_array(i.n, r.cancel_reason, coalesce(r.cancel_retention, 0))) INTO v_cancels
    FROM json_to_recordset(p_items) AS i(n int, s bigint, i uuid, t int, f bigint, c boolean)
      JOIN ${schema}.running r ON r.seq = coalesce(i.s, (SELECT j.seq FROM ${schema}.jobs j WHERE j.id = i.i)) AND r.token = i.t
    WHERE i.f IS NULL AND r.cancel_reason IS NOT NULL AND NOT i.c;
  RETURN json_build_object('left', v_left, 'cancels', v_cancels);
END`)}`

/** `p_keys`: [[kind, key, payloadHash, jobId, expiresAt], …]. One that stands stays as it is, unless it stands for \`p_formerly\`. */
const acceptKeys = (schema: string): string =>
  `CREATE FUNCTION ${schema}.accept_keys_1(p_now bigint, p_keys json, p_formerly uuid) RETURNS void LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
BEGIN
  -- In one order, so that two that bring the same keys wait for each other and not in a circle.
  INSERT INTO ${schema}.idempotency AS i (kind, key, payload_hash, job_id, expires_at)
    SELECT k ->> 0, k ->> 1, k ->> 2, (k ->> 3)::uuid, (k ->> 4)::bigint FROM json_array_elements(p_keys) k WHERE (k ->> 4)::bigint > v_now ORDER BY 1, 2
    ON CONFLICT (kind, key) DO UPDATE SET payload_hash = excluded.payload_hash, job_id = excluded.job_id, expires_at = excluded.expires_at
      WHERE i.expires_at <= v_now OR i.job_id = p_formerly;
END`)}`

const acceptAttempts = (schema: string): string =>
  `CREATE FUNCTION ${schema}.accept_attempts_1(p_seq bigint, p_attempts json) RETURNS void LANGUAGE sql AS ${body(`
  INSERT INTO ${schema}.attempts (seq, attempt, token, worker, started_at, ended_at, outcome, failure)
    SELECT p_seq, (a ->> 0)::int, (a ->> 1)::int, a ->> 2, (a ->> 3)::bigint, (a ->> 4)::bigint, a ->> 5, a ->> 6 FROM json_array_elements(p_attempts) a
    ON CONFLICT (seq, token) DO NOTHING`)}`

const BODY_COLUMNS = 'id, seq, created_at, tick_at, parent, unique_key, job_group, tags, tick_schedule, failure, payload'
const bodyOf = (row: string): string =>
  BODY_COLUMNS.split(', ')
    .map((column) => `${row}.${column}`)
    .join(', ')
const PLACE_COLUMNS = `seq, run_at, id, lane, token, attempt, max_attempts, crash_count, priority, keyed, failed, claimed_at, give_up_at, start_by, state, deadline`
/** `state` of a given job says whether it is held; whether it is a suspect follows from its deaths. */
const placeOf = (row: string): string =>
  `${row}.seq, ${row}.run_at, ${row}.id, ${row}.lane, ${row}.token, ${row}.attempt, ${row}.max_attempts, ${row}.crash_count, ${row}.priority, ${row}.keyed,
    ${row}.failed, ${row}.claimed_at, ${row}.give_up_at, ${row}.start_by,
    CASE WHEN ${row}.state = ${HELD} THEN ${HELD} WHEN ${row}.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END,
    CASE WHEN ${row}.claimed_at IS NULL THEN least(${row}.start_by, ${row}.give_up_at) ELSE ${row}.give_up_at END`
const HISTORY_COLUMNS = `id, seq, run_at, created_at, finished_at, prune_at, claimed_at, give_up_at, start_by, tick_at, lane, token, attempt, max_attempts,
      crash_count, priority, state, keyed, cancel_requested, worker, parent, unique_key, job_group, tags, tick_schedule, reason, failure, result, payload`
const historyOf = (row: string): string =>
  HISTORY_COLUMNS.split(/,\s+/)
    .map((column) => (column === 'cancel_requested' ? 'false' : `${row}.${column}`))
    .join(', ')

/** The given jobs, each under a new number. */
const numbered = (schema: string): string =>
  `ARRAY(SELECT json_populate_record(g, json_build_object('seq', nextval(${quoteLiteral(`${schema}.job_seq`)}::regclass)))
    FROM json_populate_recordset(NULL::${schema}.given_1, p_jobs) g)`

const attemptsOf = (schema: string, table: string): string =>
  `PERFORM ${schema}.accept_attempts_1(g.seq, g.attempts) FROM unnest(v_given) g JOIN ${schema}.${table} t ON t.id = g.id AND t.seq = g.seq WHERE g.attempts IS NOT NULL`

/** The positions of those that are not here under their new number. */
const known = (schema: string, table: string): string =>
  `(SELECT json_agg(g.ordinality - 1) FROM unnest(v_given) WITH ORDINALITY g WHERE NOT EXISTS (SELECT 1 FROM ${schema}.${table} t WHERE t.id = g.id AND t.seq = g.seq))`

/** Jobs that wait and have no keys, all at once. The answer: positions of those whose id was known; null for none. */
const acceptWaiting = (schema: string): string =>
  `CREATE FUNCTION ${schema}.accept_waiting_1(p_jobs json) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_given ${schema}.given_1[] := ${numbered(schema)};
BEGIN
  INSERT INTO ${schema}.jobs (${BODY_COLUMNS})
    SELECT ${bodyOf('g')} FROM unnest(v_given) g WHERE (SELECT true FROM ${schema}.history h WHERE h.id = g.id) IS NULL ON CONFLICT (id) DO NOTHING;
  INSERT INTO ${schema}.waiting (${PLACE_COLUMNS})
    SELECT ${placeOf('g')} FROM unnest(v_given) g JOIN ${schema}.jobs j ON j.id = g.id AND j.seq = g.seq;
  ${attemptsOf(schema, 'jobs')};
  RETURN ${known(schema, 'jobs')};
END`)}`

/** Jobs that have ended, all at once. The answer as that of \`accept_waiting_1\`. */
const acceptEnded = (schema: string): string =>
  `CREATE FUNCTION ${schema}.accept_ended_1(p_jobs json) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_given ${schema}.given_1[] := ${numbered(schema)};
BEGIN
  INSERT INTO ${schema}.history (${HISTORY_COLUMNS})
    SELECT ${historyOf('g')} FROM unnest(v_given) g WHERE (SELECT true FROM ${schema}.jobs j WHERE j.id = g.id) IS NULL ON CONFLICT (id) DO NOTHING;
  ${attemptsOf(schema, 'history')};
  RETURN ${known(schema, 'history')};
END`)}`

/**
 * Waiting jobs with keys, one after the other: known id, then idempotency key, then unique key, then a job as it was. The answer has one item per
 * job: null when accepted, "duplicate", or the id of the winner. Jobs of a spool meet the holder of their unique key with what their enqueue asked
 * for: see `CarriedKey`.
 */
const acceptKeyed = (schema: string): string =>
  `CREATE FUNCTION ${schema}.accept_keyed_1(p_now bigint, p_jobs json) RETURNS text LANGUAGE plpgsql ${BY_INDEX} SET lock_timeout = '3s' AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_job ${schema}.given_1;
  v_winner uuid;
  v_answers text[] := '{}';
  v_asked json;
  v_holder bigint;
  v_place ${schema}.waiting;
  v_replaces boolean;
  v_debounced boolean;
BEGIN
  -- Those that bring or push the same keys go one after the other; in one order, so that none waits in a circle.
  PERFORM pg_advisory_xact_lock(lock) FROM (
    SELECT DISTINCT hashtextextended(k.name, 0) AS lock FROM json_populate_recordset(NULL::${schema}.given_1, p_jobs) j CROSS JOIN LATERAL (
      SELECT ${quoteLiteral(`${schema}.unique.`)} || j.kind || E'\\x1f' || j.unique_key AS name
      UNION ALL SELECT ${quoteLiteral(`${schema}.once.`)} || (i ->> 0) || E'\\x1f' || (i ->> 1) FROM json_array_elements(j.keys) i) k
      WHERE k.name IS NOT NULL ORDER BY 1) locks;
  FOREACH v_job IN ARRAY ${numbered(schema)} LOOP
    v_winner := NULL;
    INSERT INTO ${schema}.jobs (${BODY_COLUMNS})
      SELECT ${bodyOf('v_job')} WHERE (SELECT true FROM ${schema}.history h WHERE h.id = v_job.id) IS NULL ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
      v_answers := v_answers || 'duplicate'::text;
      CONTINUE;
    END IF;
    SELECT i.job_id INTO v_winner FROM json_array_elements(v_job.keys) k JOIN ${schema}.idempotency i ON i.kind = k ->> 0 AND i.key = k ->> 1
      WHERE i.payload_hash = k ->> 2 AND i.expires_at > v_now AND i.job_id <> v_job.id LIMIT 1;
    WHILE v_winner IS NULL AND v_job.keyed > 0 LOOP
      INSERT INTO ${schema}.keys (kind, key, seq, id) VALUES (v_job.kind, v_job.unique_key, v_job.seq, v_job.id) ON CONFLICT (kind, key) DO NOTHING;
      EXIT WHEN FOUND;
      -- None when its holder ended this instant.
      SELECT k.id INTO v_winner FROM ${schema}.keys k WHERE k.kind = v_job.kind AND k.key = v_job.unique_key;
      CONTINUE WHEN v_winner IS NULL;
      v_asked := p_jobs -> cardinality(v_answers);
      v_debounced := (v_asked ->> 'debounced')::boolean;
      SELECT (v_asked ->> 'replaces')::boolean AND j.created_at <= v_job.created_at, j.seq INTO v_replaces, v_holder
        FROM ${schema}.jobs j WHERE j.id = v_winner;
      IF v_replaces OR v_debounced THEN
        SELECT * INTO v_place FROM ${schema}.waiting WHERE seq = v_holder FOR UPDATE;
        IF v_place.seq IS NULL THEN
          -- A running holder keeps what it runs with; one that is gone leaves the key to this job.
          IF NOT EXISTS (SELECT 1 FROM ${schema}.keys WHERE seq = v_holder) THEN v_winner := NULL; END IF;
          CONTINUE;
        END IF;
        IF v_replaces THEN
          UPDATE ${schema}.jobs SET payload = v_job.payload WHERE id = v_winner;
          v_place.lane := ${schema}.lane_1((SELECT queue FROM ${schema}.lanes WHERE id = v_place.lane), v_job.kind,
            (SELECT version FROM ${schema}.lanes WHERE id = v_job.lane));
          v_place.priority := v_job.priority;
          IF v_place.state = ${HELD} THEN v_place.state := CASE WHEN v_place.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END; END IF;
        END IF;
        IF (v_debounced AND v_job.run_at > v_place.run_at) OR (v_replaces AND NOT v_debounced) THEN
          v_place.run_at := v_job.run_at;
          v_place.start_by := v_job.start_by;
        END IF;
        UPDATE ${schema}.waiting SET lane = v_place.lane, priority = v_place.priority, state = v_place.state, run_at = v_place.run_at,
          start_by = v_place.start_by, deadline = CASE WHEN claimed_at IS NOT NULL THEN give_up_at ELSE least(v_place.start_by, give_up_at) END
          WHERE seq = v_place.seq;
      END IF;
    END LOOP;
    IF v_winner IS NULL THEN
      INSERT INTO ${schema}.waiting (${PLACE_COLUMNS}) SELECT ${placeOf('v_job')};
    ELSE
      DELETE FROM ${schema}.jobs WHERE id = v_job.id;
      v_job.state := ${CANCELLED};
      v_job.reason := 'superseded by ' || v_winner;
      v_job.finished_at := v_now;
      v_job.prune_at := v_now + ${SUPERSEDED_RETENTION_MS};
      INSERT INTO ${schema}.history (${HISTORY_COLUMNS}) SELECT ${historyOf('v_job')};
    END IF;
    IF v_job.attempts IS NOT NULL THEN PERFORM ${schema}.accept_attempts_1(v_job.seq, v_job.attempts); END IF;
    PERFORM ${schema}.accept_keys_1(v_now, (SELECT json_agg(json_build_array(k ->> 0, k ->> 1, k ->> 2, coalesce(v_winner, v_job.id), (k ->> 3)::bigint))
      FROM json_array_elements(v_job.keys) k), v_job.id) WHERE v_job.keys IS NOT NULL;
    v_answers := v_answers || v_winner::text;
  END LOOP;
  RETURN array_to_json(v_answers);
END`)}`
