/** SQL functions that write new jobs. `schema` is quoted. */
import { quoteLiteral } from '../options.js'
import { HELD, READY, SUSPECT, SUSPECT_AGAIN_SQL } from '../rows.js'
import { BY_INDEX, body } from './functions.js'

/** Keyed pushes wait for others under the same key, but not long: what holds a key for longer is a transaction left open. */
const KEY_WAIT = `SET lock_timeout = '3s'`

export const pushStatements = (schema: string): readonly string[] => [
  lane(schema),
  ensureLanes(schema),
  pushPlain(schema),
  pushOne(schema),
  pushKeyed(schema),
  pushItems(schema),
]

const lane = (schema: string): string =>
  `CREATE FUNCTION ${schema}.lane_1(p_queue text, p_kind text, p_version int) RETURNS int LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_id int;
BEGIN
  LOOP
    SELECT id INTO v_id FROM ${schema}.lanes WHERE queue = p_queue AND kind = p_kind AND version = p_version;
    IF FOUND THEN RETURN v_id; END IF;
    INSERT INTO ${schema}.lanes (queue, kind, version) VALUES (p_queue, p_kind, p_version) ON CONFLICT DO NOTHING;
  END LOOP;
END`)}`

/** `p_lanes`: [[queue, kind, version], …]. Made in one order, so that two that make the same lanes wait for each other and not in a circle. */
const ensureLanes = (schema: string): string =>
  `CREATE FUNCTION ${schema}.ensure_lanes_1(p_lanes json) RETURNS void LANGUAGE sql AS ${body(`
  INSERT INTO ${schema}.lanes (queue, kind, version)
    SELECT DISTINCT l ->> 0, l ->> 1, (l ->> 2)::int FROM json_array_elements(p_lanes) l
      WHERE NOT EXISTS (SELECT 1 FROM ${schema}.lanes k WHERE k.queue = l ->> 0 AND k.kind = l ->> 1 AND k.version = (l ->> 2)::int)
      ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING`)}`

/**
 * Jobs without keys, all at once. Texts are joined by U+001F, which no JSON contains. `p_extras` is null when no job has any; else one per job,
 * empty or [runAt, delayMs, giveUpAfterMs, startWithinMs, group, tags, parent, tickSchedule, tickAt]. The answer is null when all were created,
 * else the positions of those whose id was known.
 */
const pushPlain = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.push_1(p_now bigint, p_ids text, p_lanes text, p_priorities text, p_max_attempts text,
  p_payloads text, p_extras text) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_ids uuid[] := p_ids::uuid[];
  v_count int := cardinality(v_ids);
  v_seqs bigint[] := ARRAY(SELECT nextval(${quoteLiteral(`${schema}.job_seq`)}::regclass) FROM generate_series(1, v_count));
  v_lanes int[] := p_lanes::int[];
  v_priorities smallint[] := p_priorities::smallint[];
  v_max_attempts int[] := p_max_attempts::int[];
  v_payloads text[] := string_to_array(p_payloads, E'\\x1f');
  v_extras text[];
  v_run_ats bigint[];
  v_give_up_ats bigint[];
  v_start_bys bigint[];
  v_made int;
  v_known uuid[];
  v_first uuid;
  v_last uuid;
BEGIN
  IF p_extras IS NULL THEN
    INSERT INTO ${schema}.jobs (id, seq, created_at, payload)
      SELECT t.id, t.seq, v_now, t.payload FROM unnest(v_ids, v_seqs, v_payloads) t(id, seq, payload)
      ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS v_made = ROW_COUNT;
  ELSE
    v_extras := string_to_array(p_extras, E'\\x1f');
    SELECT array_agg(coalesce((e ->> 0)::bigint, v_now + coalesce((e ->> 1)::bigint, 0)) ORDER BY n), array_agg(v_now + (e ->> 2)::bigint ORDER BY n),
        array_agg(greatest(v_now, coalesce((e ->> 0)::bigint, v_now + coalesce((e ->> 1)::bigint, 0))) + (e ->> 3)::bigint ORDER BY n)
      INTO v_run_ats, v_give_up_ats, v_start_bys
      FROM (SELECT nullif(extra, '')::json AS e, n FROM unnest(v_extras) WITH ORDINALITY t(extra, n)) x;
    INSERT INTO ${schema}.jobs (id, seq, created_at, payload, job_group, tags, parent, tick_schedule, tick_at)
      SELECT x.id, x.seq, v_now, x.payload, e ->> 4, e ->> 5, e ->> 6, e ->> 7, (e ->> 8)::bigint
        FROM (SELECT t.*, nullif(t.extra, '')::json AS e FROM unnest(v_ids, v_seqs, v_payloads, v_extras) t(id, seq, payload, extra)) x
      ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS v_made = ROW_COUNT;
  END IF;
  -- After the insert, by a later snapshot: a job that ended between the two is in one place or the other.
  SELECT min(id::text)::uuid, max(id::text)::uuid INTO v_first, v_last FROM unnest(v_ids) t(id);
  SELECT array_agg(t.id) INTO v_known FROM unnest(v_ids) t(id)
    CROSS JOIN LATERAL (SELECT 1 FROM ${schema}.history h WHERE h.id = t.id AND h.id >= v_first AND h.id <= v_last LIMIT 1) known;
  IF v_made = v_count AND v_known IS NULL THEN
    IF p_extras IS NULL THEN
      INSERT INTO ${schema}.waiting (seq, id, run_at, lane, priority, max_attempts)
        SELECT t.seq, t.id, v_now, t.lane, t.priority, t.max_attempts
          FROM unnest(v_seqs, v_ids, v_lanes, v_priorities, v_max_attempts) t(seq, id, lane, priority, max_attempts);
    ELSE
      INSERT INTO ${schema}.waiting (seq, id, run_at, lane, priority, max_attempts, give_up_at, start_by, deadline)
        SELECT t.seq, t.id, t.run_at, t.lane, t.priority, t.max_attempts, t.give_up_at, t.start_by, least(t.give_up_at, t.start_by)
          FROM unnest(v_seqs, v_ids, v_run_ats, v_lanes, v_priorities, v_max_attempts, v_give_up_ats, v_start_bys)
            t(seq, id, run_at, lane, priority, max_attempts, give_up_at, start_by);
    END IF;
    RETURN NULL;
  END IF;
  DELETE FROM ${schema}.jobs j USING unnest(v_ids, v_seqs) t(id, seq) WHERE j.id = t.id AND j.seq = t.seq AND t.id = ANY (v_known);
  IF p_extras IS NULL THEN
    v_run_ats := array_fill(v_now, ARRAY[v_count]);
  END IF;
  INSERT INTO ${schema}.waiting (seq, id, run_at, lane, priority, max_attempts, give_up_at, start_by, deadline)
    SELECT t.seq, t.id, t.run_at, t.lane, t.priority, t.max_attempts, t.give_up_at, t.start_by, least(t.give_up_at, t.start_by)
      FROM unnest(v_seqs, v_ids, v_run_ats, v_lanes, v_priorities, v_max_attempts, v_give_up_ats, v_start_bys)
        t(seq, id, run_at, lane, priority, max_attempts, give_up_at, start_by)
        JOIN ${schema}.jobs j ON j.id = t.id AND j.seq = t.seq;
  RETURN (SELECT json_agg(t.n - 1) FROM unnest(v_ids, v_seqs) WITH ORDINALITY t(id, seq, n)
    WHERE NOT EXISTS (SELECT 1 FROM ${schema}.jobs j WHERE j.id = t.id AND j.seq = t.seq));
END`)}`

/**
 * One job: [id, lane, priority, maxAttempts, payload, runAt, delayMs, giveUpAfterMs, startWithinMs, group, tags, parent, tickSchedule, tickAt,
 * kind, version, idempotencyKey, payloadHash, ttlMs, uniqueKey, live, whenTaken, debounceMs]. False when its id is known, or its unique key was
 * taken this instant.
 */
const pushOne = (schema: string): string =>
  `CREATE FUNCTION ${schema}.push_one_1(p_now bigint, p_job json) RETURNS boolean LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_seq bigint := nextval(${quoteLiteral(`${schema}.job_seq`)}::regclass);
  v_id uuid := (p_job ->> 0)::uuid;
  v_run_at bigint := coalesce(p_now + (p_job ->> 22)::bigint, (p_job ->> 5)::bigint, p_now + (p_job ->> 6)::bigint);
  v_give_up_at bigint := p_now + (p_job ->> 7)::bigint;
  v_start_by bigint := greatest(p_now, v_run_at) + (p_job ->> 8)::bigint;
  v_key text := p_job ->> 19;
BEGIN
  INSERT INTO ${schema}.jobs (id, seq, created_at, payload, job_group, tags, parent, tick_schedule, tick_at, unique_key)
    VALUES (v_id, v_seq, p_now, p_job ->> 4, p_job ->> 9, p_job ->> 10, p_job ->> 11, p_job ->> 12, (p_job ->> 13)::bigint, v_key)
    ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  IF EXISTS (SELECT 1 FROM ${schema}.history WHERE id = v_id) THEN
    DELETE FROM ${schema}.jobs WHERE id = v_id;
    RETURN false;
  END IF;
  IF v_key IS NOT NULL THEN
    INSERT INTO ${schema}.keys (kind, key, seq, id) VALUES (p_job ->> 14, v_key, v_seq, v_id) ON CONFLICT (kind, key) DO NOTHING;
    IF NOT FOUND THEN
      DELETE FROM ${schema}.jobs WHERE id = v_id;
      RETURN false;
    END IF;
  END IF;
  INSERT INTO ${schema}.waiting (seq, id, run_at, lane, priority, max_attempts, give_up_at, start_by, deadline, keyed)
    VALUES (v_seq, v_id, v_run_at, (p_job ->> 1)::int, (p_job ->> 2)::smallint, (p_job ->> 3)::int, v_give_up_at, v_start_by,
      least(v_give_up_at, v_start_by), CASE WHEN v_key IS NULL THEN 0 WHEN (p_job ->> 20)::boolean THEN 2 ELSE 1 END);
  RETURN true;
END`)}`

/**
 * One job by its keys: same id, then idempotency key, then unique key, then a new job. The answer is [status, id, on], null when created.
 * A holder of the unique key is locked where it waits before anything else is, as claims and settlements do, so that none waits in a circle.
 */
const pushKeyed = (schema: string): string =>
  `CREATE FUNCTION ${schema}.push_keyed_1(p_now bigint, p_job json) RETURNS json LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_id uuid := (p_job ->> 0)::uuid;
  v_kind text := p_job ->> 14;
  v_standing ${schema}.idempotency;
  v_holder ${schema}.keys;
  v_place ${schema}.waiting;
  v_run_at bigint := coalesce(p_now + (p_job ->> 22)::bigint, (p_job ->> 5)::bigint, p_now + (p_job ->> 6)::bigint);
  v_answer json;
  v_stands uuid := v_id;
BEGIN
  IF EXISTS (SELECT 1 FROM ${schema}.jobs WHERE id = v_id) OR EXISTS (SELECT 1 FROM ${schema}.history WHERE id = v_id) THEN
    RETURN json_build_array('duplicate', v_id);
  END IF;
  IF p_job ->> 16 IS NOT NULL THEN
    SELECT * INTO v_standing FROM ${schema}.idempotency WHERE kind = v_kind AND key = p_job ->> 16 AND expires_at > p_now;
    IF FOUND AND v_standing.payload_hash = p_job ->> 17 THEN RETURN json_build_array('duplicate', v_standing.job_id); END IF;
    IF FOUND THEN RETURN json_build_array('conflict', v_standing.job_id, 'idempotency'); END IF;
  END IF;
  LOOP
    IF ${schema}.push_one_1(p_now, p_job) THEN EXIT; END IF;
    SELECT * INTO v_holder FROM ${schema}.keys WHERE kind = v_kind AND key = p_job ->> 19;
    IF NOT FOUND THEN
      -- The id came to be known meanwhile, or the holder is gone.
      IF EXISTS (SELECT 1 FROM ${schema}.jobs WHERE id = v_id) OR EXISTS (SELECT 1 FROM ${schema}.history WHERE id = v_id) THEN
        RETURN json_build_array('duplicate', v_id);
      END IF;
      CONTINUE;
    END IF;
    SELECT * INTO v_place FROM ${schema}.waiting WHERE seq = v_holder.seq FOR UPDATE;
    IF NOT FOUND AND NOT EXISTS (SELECT 1 FROM ${schema}.keys WHERE seq = v_holder.seq) THEN CONTINUE; END IF;
    IF p_job ->> 21 = 'reject' THEN RETURN json_build_array('conflict', v_holder.id, 'unique'); END IF;
    v_stands := v_holder.id;
    v_answer := json_build_array('duplicate', v_holder.id);
    -- A running holder keeps what it runs with: only a waiting job can be moved or replaced.
    IF v_place.seq IS NOT NULL AND (p_job ->> 21 = 'replace' OR p_job ->> 22 IS NOT NULL) THEN
      IF p_job ->> 21 = 'replace' THEN
        v_answer := json_build_array('replaced', v_holder.id);
        UPDATE ${schema}.jobs SET payload = p_job ->> 4 WHERE id = v_holder.id;
        v_place.lane := ${schema}.lane_1((SELECT queue FROM ${schema}.lanes WHERE id = v_place.lane), v_kind, (p_job ->> 15)::int);
        v_place.priority := (p_job ->> 2)::smallint;
        IF v_place.state = ${HELD} THEN v_place.state := CASE WHEN v_place.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END; END IF;
      END IF;
      v_place.run_at := v_run_at;
      v_place.start_by := greatest(p_now, v_run_at) + (p_job ->> 8)::bigint;
      UPDATE ${schema}.waiting SET lane = v_place.lane, priority = v_place.priority, state = v_place.state, run_at = v_place.run_at,
        start_by = v_place.start_by, deadline = CASE WHEN claimed_at IS NOT NULL THEN give_up_at ELSE least(v_place.start_by, give_up_at) END
        WHERE seq = v_place.seq;
    END IF;
    EXIT;
  END LOOP;
  IF p_job ->> 16 IS NOT NULL THEN
    INSERT INTO ${schema}.idempotency (kind, key, payload_hash, job_id, expires_at)
      VALUES (v_kind, p_job ->> 16, p_job ->> 17, v_stands, p_now + (p_job ->> 18)::bigint)
      ON CONFLICT (kind, key) DO UPDATE SET payload_hash = excluded.payload_hash, job_id = excluded.job_id, expires_at = excluded.expires_at;
  END IF;
  RETURN v_answer;
END`)}`

/** Jobs of any sort, one after the other. The answer has one item per job: null when created, else [status, id, on]. */
const pushItems = (schema: string): string =>
  `CREATE FUNCTION ${schema}.push_items_1(p_now bigint, p_jobs json) RETURNS text LANGUAGE plpgsql ${KEY_WAIT} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_job json;
  v_answers json[] := '{}';
BEGIN
  -- Those that push the same keys go one after the other; in one order, so that none waits in a circle.
  PERFORM pg_advisory_xact_lock(lock) FROM (
    SELECT DISTINCT hashtextextended(k.name, 0) AS lock FROM json_array_elements(p_jobs) j
      CROSS JOIN LATERAL (VALUES (${quoteLiteral(`${schema}.unique.`)} || (j ->> 14) || E'\\x1f' || (j ->> 19)), (${quoteLiteral(`${schema}.once.`)} || (j ->> 14) || E'\\x1f' || (j ->> 16))) k(name)
      WHERE k.name IS NOT NULL ORDER BY 1) locks;
  FOR v_job IN SELECT j FROM json_array_elements(p_jobs) j LOOP
    v_answers := v_answers || ${schema}.push_keyed_1(v_now, v_job);
  END LOOP;
  RETURN array_to_json(v_answers);
END`)}`
