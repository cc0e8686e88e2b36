/** SQL functions for what people do to jobs, and for what a run records. `schema` is quoted. */
import { SUSPECT_CRASH_COUNT } from '../../../core/state.js'
import { CANCELLED, COMPLETED, HELD, READY, SUSPECT, SUSPECT_AGAIN_SQL } from '../rows.js'
import { BY_INDEX, body } from './functions.js'

export const changeStatements = (schema: string): readonly string[] => [
  place(schema),
  cancel(schema),
  retry(schema),
  forget(schema),
  remove(schema),
  update(schema),
  record(schema),
]

/** A waiting place as if it ran: what moves and ends jobs knows one shape. */
const place = (schema: string): string =>
  `CREATE FUNCTION ${schema}.place_1(w ${schema}.waiting) RETURNS ${schema}.running LANGUAGE sql IMMUTABLE AS ${body(`
  SELECT ROW(w.seq, w.run_at, w.id, w.lane, w.token, w.attempt, w.max_attempts, w.crash_count, w.priority, w.keyed, w.failed, w.claimed_at, w.give_up_at,
    w.start_by, false, '', NULL::bigint, NULL::bigint, NULL::text, 0::smallint)::${schema}.running`)}`

/** A job may be claimed or released between two looks, so it is looked for again; it cannot go on for long. */
const LOOKS = 10

/** What became of a job that is neither waiting nor running. */
const elsewhere = (schema: string): string => `CASE WHEN EXISTS (SELECT 1 FROM ${schema}.history WHERE id = v_id) THEN 'unchanged' ELSE 'unknown' END`

const eachOf = (
  schema: string,
  name: string,
  parameters: string,
  declarations: string,
  look: string,
): string => `CREATE FUNCTION ${schema}.${name}(p_now bigint, p_ids text${parameters})
  RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_id uuid;
  v_seq bigint;
  v_place ${schema}.waiting;
  v_result text;
  v_results text[] := '{}';
  ${declarations}
BEGIN
  FOREACH v_id IN ARRAY p_ids::uuid[] LOOP
    v_result := NULL;
    FOR v_look IN 1..${LOOKS} LOOP
      SELECT seq INTO v_seq FROM ${schema}.jobs WHERE id = v_id;
      ${look}
      EXIT WHEN v_result IS NOT NULL;
    END LOOP;
    v_results := v_results || coalesce(v_result, 'unchanged');
  END LOOP;
  RETURN array_to_json(v_results);
END`)}`

const cancel = (schema: string): string =>
  eachOf(
    schema,
    'cancel_1',
    ', p_reason text, p_retention bigint',
    '',
    `IF NOT FOUND THEN v_result := ${elsewhere(schema)}; EXIT; END IF;
      DELETE FROM ${schema}.waiting WHERE seq = v_seq RETURNING * INTO v_place;
      IF FOUND THEN
        PERFORM ${schema}.archive_1(${schema}.place_1(v_place), ${CANCELLED}, p_reason, v_now, p_retention);
        v_result := 'changed';
      ELSE
        -- The first request stands: its reason is the one the job ends with.
        UPDATE ${schema}.running SET cancel_retention = CASE WHEN cancel_reason IS NULL THEN p_retention ELSE cancel_retention END,
          cancel_reason = coalesce(cancel_reason, p_reason) WHERE seq = v_seq;
        IF FOUND THEN v_result := 'requested'; END IF;
      END IF;`,
  )

/**
 * A suspect stays one, with all of its lonely tries before it: whoever retries it may be wrong about the cure. Limits counted from the push have
 * no meaning for a job that somebody wants to run now.
 */
const retry = (schema: string): string =>
  eachOf(
    schema,
    'retry_1',
    '',
    `v_ended ${schema}.history;`,
    `IF FOUND THEN
        UPDATE ${schema}.waiting SET state = CASE WHEN ${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END, run_at = v_now, attempt = 0,
          crash_count = least(crash_count, ${SUSPECT_CRASH_COUNT}), failed = false, start_by = NULL, give_up_at = NULL, deadline = NULL WHERE seq = v_seq;
        IF FOUND THEN v_result := 'changed';
        ELSIF EXISTS (SELECT 1 FROM ${schema}.running WHERE seq = v_seq) THEN v_result := 'unchanged'; END IF;
      ELSE
        SELECT * INTO v_ended FROM ${schema}.history WHERE id = v_id FOR UPDATE;
        IF NOT FOUND THEN v_result := 'unknown'; EXIT; END IF;
        IF v_ended.state = ${COMPLETED} THEN v_result := 'unchanged'; EXIT; END IF;
        IF v_ended.keyed > 0 THEN
          INSERT INTO ${schema}.keys (kind, key, seq, id) SELECT l.kind, v_ended.unique_key, v_ended.seq, v_id FROM ${schema}.lanes l WHERE l.id = v_ended.lane
            ON CONFLICT (kind, key) DO NOTHING;
          IF NOT FOUND THEN v_result := 'conflict'; EXIT; END IF;
        END IF;
        DELETE FROM ${schema}.history WHERE id = v_id;
        INSERT INTO ${schema}.jobs (id, seq, created_at, tick_at, parent, unique_key, job_group, tags, tick_schedule, failure, payload)
          VALUES (v_id, v_ended.seq, v_ended.created_at, v_ended.tick_at, v_ended.parent, v_ended.unique_key, v_ended.job_group, v_ended.tags,
            v_ended.tick_schedule, v_ended.failure, v_ended.payload);
        INSERT INTO ${schema}.waiting (seq, run_at, id, lane, token, attempt, max_attempts, crash_count, priority, keyed, claimed_at, state)
          VALUES (v_ended.seq, v_now, v_id, v_ended.lane, v_ended.token, 0, v_ended.max_attempts, least(v_ended.crash_count, ${SUSPECT_CRASH_COUNT}),
            v_ended.priority, v_ended.keyed, v_ended.claimed_at, CASE WHEN v_ended.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END);
        v_result := 'changed';
      END IF;`,
  )

/** The traces of jobs beside their records. Their idempotency keys stay: those stand for requests until they run out. */
const forget = (schema: string): string =>
  `CREATE FUNCTION ${schema}.forget_1(p_seqs bigint[]) RETURNS void LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
BEGIN
  DELETE FROM ${schema}.attempts a USING unnest(p_seqs) s(seq) WHERE a.seq = s.seq;
  DELETE FROM ${schema}.logs g USING unnest(p_seqs) s(seq) WHERE g.seq = s.seq;
  DELETE FROM ${schema}.progress p USING unnest(p_seqs) s(seq) WHERE p.seq = s.seq;
END`)}`

const remove = (schema: string): string =>
  eachOf(
    schema,
    'remove_1',
    '',
    '',
    `IF FOUND THEN
        DELETE FROM ${schema}.waiting WHERE seq = v_seq;
        IF FOUND THEN
          DELETE FROM ${schema}.keys WHERE seq = v_seq;
          DELETE FROM ${schema}.jobs WHERE id = v_id;
          PERFORM ${schema}.forget_1(ARRAY[v_seq]);
          v_result := 'changed';
        ELSIF EXISTS (SELECT 1 FROM ${schema}.running WHERE seq = v_seq) THEN v_result := 'unchanged'; END IF;
      ELSE
        DELETE FROM ${schema}.history WHERE id = v_id RETURNING seq INTO v_seq;
        IF FOUND THEN PERFORM ${schema}.forget_1(ARRAY[v_seq]); END IF;
        v_result := CASE WHEN FOUND AND v_seq IS NOT NULL THEN 'changed' ELSE 'unknown' END;
      END IF;`,
  )

/** `p_changes`: { payload, version, priority, delayMs, runAt, maxAttempts, tags }, each absent when it stays. */
const update = (schema: string): string =>
  eachOf(
    schema,
    'update_1',
    ', p_changes json',
    `v_lane ${schema}.lanes;
  v_run_at bigint;`,
    `IF NOT FOUND THEN v_result := ${elsewhere(schema)}; EXIT; END IF;
      SELECT * INTO v_place FROM ${schema}.waiting WHERE seq = v_seq FOR UPDATE;
      IF FOUND THEN
        v_run_at := coalesce((p_changes ->> 'runAt')::bigint, v_now + (p_changes ->> 'delayMs')::bigint, v_place.run_at);
        IF p_changes ->> 'version' IS NOT NULL THEN
          SELECT * INTO v_lane FROM ${schema}.lanes WHERE id = v_place.lane;
          v_place.lane := ${schema}.lane_1(v_lane.queue, v_lane.kind, (p_changes ->> 'version')::int);
        END IF;
        -- A new payload is a new chance to parse.
        IF v_place.state = ${HELD} AND coalesce(p_changes ->> 'payload', p_changes ->> 'version') IS NOT NULL THEN
          v_place.state := CASE WHEN v_place.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END;
        END IF;
        -- The start limit counts from the run time, so it moves along.
        UPDATE ${schema}.waiting w SET lane = v_place.lane, state = v_place.state, run_at = v_run_at, start_by = x.start_by,
            priority = coalesce((p_changes ->> 'priority')::smallint, w.priority), max_attempts = coalesce((p_changes ->> 'maxAttempts')::int, w.max_attempts),
            deadline = CASE WHEN w.claimed_at IS NOT NULL THEN w.give_up_at ELSE least(x.start_by, w.give_up_at) END
          FROM (SELECT v_place.start_by + greatest(j.created_at, v_run_at) - greatest(j.created_at, v_place.run_at) AS start_by FROM ${schema}.jobs j
            WHERE j.id = v_id) x WHERE w.seq = v_seq;
        UPDATE ${schema}.jobs SET payload = coalesce(p_changes ->> 'payload', payload),
            tags = CASE WHEN p_changes ->> 'tags' IS NULL THEN tags ELSE nullif(p_changes ->> 'tags', '[]') END
          WHERE id = v_id AND coalesce(p_changes ->> 'payload', p_changes ->> 'tags') IS NOT NULL;
        v_result := 'changed';
      ELSIF EXISTS (SELECT 1 FROM ${schema}.running WHERE seq = v_seq) THEN v_result := 'unchanged'; END IF;`,
  )

/** Progress and lines of runs, each under its token: { s, i, t, f: fraction, m: message } or { s, i, t, l: [[at, level, message], …] }. */
const record = (schema: string): string =>
  `CREATE FUNCTION ${schema}.record_1(p_now bigint, p_writes json, p_lines_max int) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_write json;
  v_seq bigint;
  v_token int;
  v_last int;
  v_results text[] := '{}';
BEGIN
  FOR v_write IN SELECT w FROM json_array_elements(p_writes) w LOOP
    v_token := (v_write ->> 't')::int;
    v_seq := coalesce((v_write ->> 's')::bigint, (SELECT seq FROM ${schema}.jobs WHERE id = (v_write ->> 'i')::uuid));
    -- Locked: no settlement comes between the look and the write.
    PERFORM 1 FROM ${schema}.running WHERE seq = v_seq AND token = v_token FOR SHARE;
    IF NOT FOUND THEN
      v_results := v_results || 'lost'::text;
      CONTINUE;
    END IF;
    IF v_write ->> 'f' IS NOT NULL THEN
      INSERT INTO ${schema}.progress (seq, token, fraction, message, at) VALUES (v_seq, v_token, (v_write ->> 'f')::double precision, v_write ->> 'm', v_now)
        ON CONFLICT (seq) DO UPDATE SET token = excluded.token, fraction = excluded.fraction, message = excluded.message, at = excluded.at;
    END IF;
    IF v_write ->> 'l' IS NOT NULL THEN
      SELECT coalesce((SELECT line FROM ${schema}.logs WHERE seq = v_seq ORDER BY line DESC LIMIT 1), 0) INTO v_last;
      INSERT INTO ${schema}.logs (seq, line, at, level, message)
        SELECT v_seq, v_last + n, (l ->> 0)::bigint, l ->> 1, l ->> 2 FROM json_array_elements(v_write -> 'l') WITH ORDINALITY t(l, n);
      -- The newest lines tell how it ended: the oldest make room.
      DELETE FROM ${schema}.logs WHERE seq = v_seq AND line <= v_last + json_array_length(v_write -> 'l') - p_lines_max;
    END IF;
    v_results := v_results || 'recorded'::text;
  END LOOP;
  RETURN array_to_json(v_results);
END`)}`
