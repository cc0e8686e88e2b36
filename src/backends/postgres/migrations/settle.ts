/** SQL functions that end claims. `schema` is quoted. */
import { SUPERSEDED_RETENTION_MS } from '../../../core/state.js'
import { CANCELLED, COMPLETED, FAILED, HELD, READY, SUSPECT, SUSPECT_AGAIN_SQL } from '../rows.js'
import { BY_INDEX, body } from './functions.js'

export const settleStatements = (schema: string): readonly string[] => [
  archive(schema),
  remember(schema),
  waitAgain(schema),
  settleOther(schema),
  settle(schema),
  settleAndClaim(schema),
  expire(schema),
]

/** Columns of `history` that come from the place, then from the body. */
const KEPT = `id, seq, run_at, claimed_at, give_up_at, start_by, lane, token, attempt, max_attempts, crash_count, priority, keyed, worker,
    created_at, tick_at, parent, unique_key, job_group, tags, tick_schedule, failure, payload`
const keptOf = (
  place: string,
): string => `j.id, j.seq, ${place}.run_at, ${place}.claimed_at, ${place}.give_up_at, ${place}.start_by, ${place}.lane, ${place}.token, ${place}.attempt,
    ${place}.max_attempts, ${place}.crash_count, ${place}.priority, ${place}.keyed, nullif(${place}.worker, '') AS worker,
    j.created_at, j.tick_at, j.parent, j.unique_key, j.job_group, j.tags, j.tick_schedule, j.failure, j.payload`

/** Ends one job whose place, given as it last stood, is deleted already. */
const archive = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.archive_1(p_place ${schema}.running, p_state int, p_reason text, p_now bigint, p_retention bigint)
  RETURNS void LANGUAGE plpgsql AS ${body(`
BEGIN
  IF p_place.keyed > 0 THEN DELETE FROM ${schema}.keys WHERE seq = p_place.seq; END IF;
  WITH j AS (DELETE FROM ${schema}.jobs WHERE id = p_place.id RETURNING *)
  INSERT INTO ${schema}.history (${KEPT}, finished_at, prune_at, state, cancel_requested, reason)
    SELECT ${keptOf('p_place')}, p_now, p_now + p_retention, p_state, p_place.cancel_reason IS NOT NULL, p_reason FROM j;
END`)}`

/** Keeps the attempt and its failure. */
const remember = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.remember_1(p_place ${schema}.running, p_outcome text, p_failure text, p_now bigint)
  RETURNS void LANGUAGE plpgsql AS ${body(`
BEGIN
  INSERT INTO ${schema}.attempts (seq, token, attempt, worker, started_at, ended_at, outcome, failure)
    VALUES (p_place.seq, p_place.token, p_place.attempt, p_place.worker, coalesce(p_place.claimed_at, p_now), p_now, p_outcome, p_failure)
    ON CONFLICT (seq, token) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, failure = excluded.failure;
  IF p_failure IS NOT NULL THEN UPDATE ${schema}.jobs SET failure = p_failure WHERE id = p_place.id; END IF;
END`)}`

/** Makes a claimed job wait again, unless it may not: then it ends. */
const waitAgain = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.wait_again_1(p_place ${schema}.running, p_refund int, p_run_at bigint, p_retrying boolean,
  p_hold boolean, p_now bigint) RETURNS text LANGUAGE plpgsql AS ${body(`
BEGIN
  p_place.attempt := p_place.attempt - p_refund;
  IF p_place.cancel_reason IS NOT NULL THEN
    p_place.worker := '';
    PERFORM ${schema}.archive_1(p_place, ${CANCELLED}, p_place.cancel_reason, p_now, coalesce(p_place.cancel_retention, 0));
    RETURN 'settled';
  END IF;
  IF p_place.keyed = 1 THEN
    INSERT INTO ${schema}.keys (kind, key, seq, id)
      SELECT l.kind, j.unique_key, j.seq, j.id FROM ${schema}.jobs j, ${schema}.lanes l WHERE j.id = p_place.id AND l.id = p_place.lane
      ON CONFLICT (kind, key) DO NOTHING;
    IF NOT FOUND THEN
      -- While it ran, a newer job took its key; this one makes way.
      p_place.worker := '';
      p_place.keyed := 0;
      PERFORM ${schema}.archive_1(p_place, ${CANCELLED}, 'superseded', p_now, ${SUPERSEDED_RETENTION_MS});
      UPDATE ${schema}.history SET keyed = 1 WHERE id = p_place.id;
      RETURN 'superseded';
    END IF;
  END IF;
  INSERT INTO ${schema}.waiting (seq, run_at, id, lane, token, attempt, max_attempts, crash_count, priority, keyed, failed, claimed_at, give_up_at,
      start_by, state, deadline)
    VALUES (p_place.seq, coalesce(p_run_at, p_place.run_at), p_place.id, p_place.lane, p_place.token, p_place.attempt, p_place.max_attempts,
      p_place.crash_count, p_place.priority, p_place.keyed, p_place.failed OR p_retrying, p_place.claimed_at, p_place.give_up_at, p_place.start_by,
      CASE WHEN p_hold OR p_place.forwarding = 2 THEN ${HELD} WHEN p_place.${SUSPECT_AGAIN_SQL} THEN ${SUSPECT} ELSE ${READY} END,
      CASE WHEN p_place.claimed_at IS NULL THEN least(p_place.start_by, p_place.give_up_at) ELSE p_place.give_up_at END);
  RETURN 'settled';
END`)}`

/**
 * One settlement that is no plain completion: { s: seq or null, i: id, t: token, o: outcome, d: delayMs, f: failure, r: reason, k: retentionMs,
 * b: burn, c: crashed, e: result, p: jobs to push }.
 */
const settleOther = (schema: string): string =>
  `CREATE FUNCTION ${schema}.settle_other_1(p_now bigint, p_item json) RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_place ${schema}.running;
  v_seq bigint := coalesce((p_item ->> 's')::bigint, (SELECT seq FROM ${schema}.jobs WHERE id = (p_item ->> 'i')::uuid));
  v_outcome text := p_item ->> 'o';
  v_delay bigint := (p_item ->> 'd')::bigint;
  v_failure text := p_item ->> 'f';
  v_retention bigint := (p_item ->> 'k')::bigint;
  v_minute bigint := p_now / 60000;
BEGIN
  DELETE FROM ${schema}.running WHERE seq = v_seq AND token = (p_item ->> 't')::int RETURNING * INTO v_place;
  IF NOT FOUND THEN RETURN 'lost'; END IF;
  IF v_outcome = 'complete' THEN
    PERFORM ${schema}.archive_1(v_place, ${COMPLETED}, NULL, p_now, v_retention);
    IF p_item ->> 'e' IS NOT NULL THEN UPDATE ${schema}.history SET result = p_item ->> 'e' WHERE id = v_place.id; END IF;
    INSERT INTO ${schema}.counters VALUES (v_place.lane, v_minute, 1, 0, 0);
    IF json_typeof(p_item -> 'p') = 'array' THEN PERFORM ${schema}.push_items_1(p_now, p_item -> 'p'); END IF;
    RETURN 'settled';
  ELSIF v_outcome = 'cancel' THEN
    PERFORM ${schema}.remember_1(v_place, 'cancel', NULL, p_now);
    PERFORM ${schema}.archive_1(v_place, ${CANCELLED}, p_item ->> 'r', p_now, v_retention);
    RETURN 'settled';
  ELSIF v_outcome = 'fail' THEN
    IF (p_item ->> 'c')::boolean THEN v_place.crash_count := v_place.crash_count + 1; END IF;
    PERFORM ${schema}.remember_1(v_place, CASE WHEN (p_item ->> 'c')::boolean THEN 'crash' ELSE 'fail' END, v_failure, p_now);
    PERFORM ${schema}.archive_1(v_place, ${FAILED}, p_item ->> 'r', p_now, v_retention);
    INSERT INTO ${schema}.counters VALUES (v_place.lane, v_minute, 0, 0, 1);
    RETURN 'settled';
  ELSIF v_outcome = 'retry' THEN
    PERFORM ${schema}.remember_1(v_place, 'retry', v_failure, p_now);
    INSERT INTO ${schema}.counters VALUES (v_place.lane, v_minute, 0, 1, 0);
    RETURN ${schema}.wait_again_1(v_place, 0, p_now + v_delay, true, false, p_now);
  ELSIF v_outcome = 'snooze' THEN
    RETURN ${schema}.wait_again_1(v_place, 1, p_now + v_delay, false, false, p_now);
  ELSIF v_outcome = 'release' THEN
    RETURN ${schema}.wait_again_1(v_place, 1, NULL, false, false, p_now);
  ELSIF v_outcome = 'crash' THEN
    PERFORM ${schema}.remember_1(v_place, 'crash', v_failure, p_now);
    v_place.crash_count := v_place.crash_count + 1;
    RETURN ${schema}.wait_again_1(v_place, CASE WHEN (p_item ->> 'b')::boolean THEN 0 ELSE 1 END, NULL, false, false, p_now);
  ELSIF v_outcome = 'hold' THEN
    PERFORM ${schema}.remember_1(v_place, 'hold', v_failure, p_now);
    RETURN ${schema}.wait_again_1(v_place, 1, NULL, false, true, p_now);
  END IF;
  RAISE EXCEPTION 'unknown outcome %', v_outcome USING ERRCODE = 'data_exception';
END`)}`

/**
 * Plain completions, in order of their numbers, in one statement whose condition is the fence; then the others, one by one. The answer is null
 * when all completions were settled and there were no others; else { lost: numbers, others: results }.
 */
const settle = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.settle_1(p_now bigint, p_seqs text, p_tokens text, p_retentions text, p_results text, p_others json)
  RETURNS text LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_seqs bigint[] := p_seqs::bigint[];
  v_results text[] := CASE WHEN p_results IS NULL THEN NULL ELSE string_to_array(p_results, E'\\x1f', '') END;
  v_done bigint[];
  v_lanes int[];
  v_others text[];
  v_lost json;
  v_item json;
BEGIN
  IF cardinality(v_seqs) > 0 THEN
    WITH r AS (
      DELETE FROM ${schema}.running r USING unnest(v_seqs, p_tokens::int[], p_retentions::bigint[], v_results) u(seq, token, retention, result)
        WHERE r.seq = u.seq AND r.token = u.token RETURNING r.*, u.retention, u.result
    ), freed AS (
      DELETE FROM ${schema}.keys k USING r WHERE r.keyed = 2 AND k.seq = r.seq
    ), kept AS (
      DELETE FROM ${schema}.jobs j USING r WHERE j.id = r.id RETURNING ${keptOf('r')}, r.retention, r.cancel_reason, r.result
    ), ended AS (
      INSERT INTO ${schema}.history (${KEPT}, finished_at, prune_at, state, cancel_requested, result)
        SELECT ${KEPT}, v_now, v_now + retention, ${COMPLETED}, cancel_reason IS NOT NULL, result FROM kept RETURNING seq, lane
    )
    SELECT array_agg(seq), array_agg(lane) INTO v_done, v_lanes FROM ended;
    IF v_lanes IS NOT NULL THEN
      INSERT INTO ${schema}.counters (lane, minute, completed, retried, failed)
        SELECT lane, v_now / 60000, count(*), 0, 0 FROM unnest(v_lanes) t(lane) GROUP BY lane;
    END IF;
    IF coalesce(cardinality(v_done), 0) < cardinality(v_seqs) THEN
      SELECT json_agg(s) INTO v_lost FROM unnest(v_seqs) s WHERE v_done IS NULL OR s <> ALL (v_done);
    END IF;
  END IF;
  IF p_others IS NULL AND v_lost IS NULL THEN RETURN NULL; END IF;
  FOR v_item IN SELECT o FROM json_array_elements(p_others) o LOOP
    v_others := v_others || ${schema}.settle_other_1(v_now, v_item);
  END LOOP;
  RETURN json_build_object('lost', v_lost, 'others', v_others);
END`)}`

/**
 * The settlements of a worker and its next claim in one transaction: settled first, so that the claim sees their keys free. The last row tells in
 * `payload` what `settle_1` answered.
 */
const settleAndClaim = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.settle_and_claim_1(p_now bigint, p_seqs text, p_tokens text, p_retentions text,
  p_results text, p_others json, p_worker text, p_limit int, p_alone boolean, p_retention bigint, p_lanes text, p_leases text, p_queues text, p_caps text,
  p_floors text, p_lane_count int) RETURNS SETOF ${schema}.claimed_1 LANGUAGE plpgsql ROWS 100 AS ${body(`
DECLARE
  v_answer text := ${schema}.settle_1(p_now, p_seqs, p_tokens, p_retentions, p_results, p_others);
BEGIN
  RETURN QUERY SELECT * FROM ${schema}.claim_1(p_now, p_worker, p_limit, p_alone, p_retention, p_lanes, p_leases, p_queues, p_caps, p_floors, p_lane_count);
  RETURN QUERY SELECT -1::bigint, NULL::uuid, v_answer, 0, 0, 0::bigint, 0::bigint, 0, NULL::text;
END`)}`

/** Ends up to `p_limit` waiting jobs past their deadline: `startBy` without a start is cancelled, `giveUpAt` is failed. */
const expire = (schema: string): string =>
  `CREATE FUNCTION ${schema}.expire_1(p_now bigint, p_limit int, p_retention bigint) RETURNS int LANGUAGE plpgsql ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_late ${schema}.waiting;
  v_expired boolean;
  v_count int := 0;
BEGIN
  FOR v_late IN
    DELETE FROM ${schema}.waiting WHERE ctid = ANY (ARRAY(
      SELECT w.ctid FROM ${schema}.waiting w WHERE w.deadline < v_now ORDER BY w.deadline LIMIT p_limit FOR UPDATE SKIP LOCKED)) RETURNING *
  LOOP
    v_expired := v_late.claimed_at IS NULL AND coalesce(v_late.start_by < v_now, false);
    PERFORM ${schema}.archive_1(${schema}.place_1(v_late), CASE WHEN v_expired THEN ${CANCELLED} ELSE ${FAILED} END,
      CASE WHEN v_expired THEN 'expired' ELSE 'gave-up' END, v_now, p_retention);
    IF NOT v_expired THEN INSERT INTO ${schema}.counters VALUES (v_late.lane, v_now / 60000, 0, 0, 1); END IF;
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END`)}`
