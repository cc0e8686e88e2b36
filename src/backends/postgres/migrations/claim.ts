/** SQL functions that hand out work. `schema` is quoted. */
import { quoteLiteral } from '../options.js'
import { READY, SUSPECT } from '../rows.js'
import { BY_INDEX, body } from './functions.js'

/** A quarter of the workers may be kept from other work by a suspect. */
const ALONE_SHARE = 4
/** Late jobs that one claim ends before it looks for work. */
const LATE_MAX = 1_000

export const claimStatements = (schema: string): readonly string[] => [
  `CREATE TYPE ${schema}.claimed_1 AS (seq bigint, id uuid, payload text, lane int, priority int, run_at bigint, created_at bigint, max_attempts int, rare text)`,
  take(schema),
  claim(schema),
]

const MOVE =
  'seq, run_at, id, lane, token, attempt, max_attempts, crash_count, priority, keyed, failed, claimed_at, give_up_at, start_by, alone, worker, lease_until'

/** What few jobs have is one column, null for most: each column costs where rows enter JavaScript. */
const CLAIMED = `c.seq, c.id, j.payload, c.lane, c.priority::int, c.run_at, j.created_at, c.max_attempts,
  CASE WHEN c.token = 0 AND c.give_up_at IS NULL AND coalesce(j.job_group, j.tags, j.parent, j.tick_schedule) IS NULL THEN NULL
    ELSE json_build_array(c.token, c.attempt, c.crash_count, c.give_up_at, j.job_group, j.tags, j.parent, j.tick_schedule, j.tick_at)::text END`

/**
 * Moves places from `waiting` to `running` and reads their bodies, in one statement. Rows that another claim holds are passed by; the row
 * addresses are safe to use because the rows are locked. A key that is held while waiting only is free from here on.
 */
const takeWhere = (schema: string, where: string, order: string, limit: string, alone: boolean): string => `RETURN QUERY
  WITH c AS (
    DELETE FROM ${schema}.waiting WHERE ctid = ANY (ARRAY(
      SELECT w.ctid FROM ${schema}.waiting w WHERE ${where} AND (w.deadline IS NULL OR w.deadline >= p_now)
        ORDER BY ${order} LIMIT ${limit} FOR UPDATE SKIP LOCKED))
      RETURNING *
  ), placed AS (
    INSERT INTO ${schema}.running (${MOVE})
      SELECT c.seq, c.run_at, c.id, c.lane, c.token + 1, c.attempt + 1, c.max_attempts, c.crash_count, c.priority, c.keyed, c.failed, p_now,
        c.give_up_at, c.start_by, ${alone}, p_worker, p_now + p_lease FROM c
  ), freed AS (
    DELETE FROM ${schema}.keys k USING c WHERE c.keyed = 1 AND k.seq = c.seq
  )
  SELECT ${CLAIMED} FROM c JOIN ${schema}.jobs j ON j.id = c.id`

const take = (
  schema: string,
): string => `CREATE FUNCTION ${schema}.take_1(p_now bigint, p_worker text, p_lane int, p_priority int, p_floor bigint, p_floor_seq bigint, p_limit int,
  p_lease bigint, p_alone boolean) RETURNS SETOF ${schema}.claimed_1 LANGUAGE plpgsql ROWS 100 AS ${body(`
BEGIN
  IF p_alone THEN
    ${takeWhere(schema, `w.state = ${SUSPECT} AND w.lane = p_lane AND w.priority = p_priority AND w.run_at <= p_now`, 'w.run_at, w.seq', 'p_limit', true)};
  ELSE
    ${takeWhere(schema, `w.state = ${READY} AND w.lane = p_lane AND w.priority = p_priority AND (w.run_at, w.seq) > (p_floor, p_floor_seq) AND w.run_at <= p_now`, 'w.run_at, w.seq', 'p_limit', false)};
  END IF;
END`)}`

/**
 * `p_lanes`, `p_leases` and `p_queues` go together: a lane, how long its leases last, and the place of its queue in `p_caps`. `p_floors` has
 * five per lane, one per priority: no run time below it is looked at. The last row has no id and tells in `payload`: [now, nextAt, nextSuspectAt,
 * lanes]; `lanes` is null when `p_lane_count` was right, else all there are, and nothing was claimed.
 */
const claim = (schema: string): string => {
  const head = (priority: string): string => `(SELECT min(h.run_at) FROM unnest(v_lanes) WITH ORDINALITY l(lane, n) CROSS JOIN LATERAL (
      SELECT w.run_at FROM ${schema}.waiting w WHERE w.state = ${READY} AND w.lane = l.lane AND w.priority = ${priority}
        AND (w.run_at, w.seq) > (v_floors[(l.n - 1) * 10 + ${priority} * 2 + 1], v_floors[(l.n - 1) * 10 + ${priority} * 2 + 2])
        ORDER BY w.run_at, w.seq LIMIT 1) h)`
  return `CREATE FUNCTION ${schema}.claim_1(p_now bigint, p_worker text, p_limit int, p_alone boolean, p_retention bigint, p_lanes text,
  p_leases text, p_queues text, p_caps text, p_floors text, p_lane_count int) RETURNS SETOF ${schema}.claimed_1 LANGUAGE plpgsql ROWS 100 ${BY_INDEX} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_lanes int[] := p_lanes::int[];
  v_leases bigint[] := p_leases::bigint[];
  v_queues int[] := p_queues::int[];
  v_caps int[] := p_caps::int[];
  v_floors bigint[] := p_floors::bigint[];
  v_taken int := 0;
  v_got int;
  v_rows int;
  v_room int;
  v_chosen int[];
  v_wants int[];
  v_lane int;
  v_index int;
  v_heads bigint[];
  v_alive boolean;
  v_lanes_known boolean;
  v_paused boolean;
  v_late boolean;
  v_suspect bigint;
  v_slot boolean;
  v_started timestamptz := clock_timestamp();
BEGIN
  SELECT EXISTS (SELECT 1 FROM ${schema}.workers WHERE id = p_worker AND died_at IS NULL), (SELECT count(*) FROM ${schema}.lanes) = p_lane_count,
      EXISTS (SELECT 1 FROM ${schema}.paused_queues), EXISTS (SELECT 1 FROM ${schema}.waiting WHERE deadline < v_now),
      EXISTS (SELECT 1 FROM ${schema}.waiting WHERE state = ${SUSPECT})
    INTO v_alive, v_lanes_known, v_paused, v_late, v_slot;
  IF NOT v_alive THEN
    RETURN QUERY SELECT 0::bigint, NULL::uuid, json_build_array(v_now, NULL, NULL, NULL, 0)::text, 0, 0, 0::bigint, 0::bigint, 0, NULL::text;
    RETURN;
  END IF;
  IF NOT v_lanes_known THEN
    RETURN QUERY SELECT 0::bigint, NULL::uuid, json_build_array(v_now, NULL, NULL,
      (SELECT json_agg(json_build_array(l.id, l.queue, l.kind, l.version) ORDER BY l.id) FROM ${schema}.lanes l), 0)::text, 0, 0, 0::bigint, 0::bigint, 0, NULL::text;
    RETURN;
  END IF;
  IF v_paused THEN
    SELECT array_agg(t.lane ORDER BY t.n), array_agg(t.lease ORDER BY t.n), array_agg(t.queue ORDER BY t.n) INTO v_lanes, v_leases, v_queues
      FROM unnest(v_lanes, v_leases, v_queues) WITH ORDINALITY t(lane, lease, queue, n) JOIN ${schema}.lanes l ON l.id = t.lane
      WHERE NOT EXISTS (SELECT 1 FROM ${schema}.paused_queues p WHERE p.queue = l.queue);
    SELECT array_agg(f.floor ORDER BY f.n) INTO v_floors
      FROM unnest(p_lanes::int[]) WITH ORDINALITY t(lane, n) CROSS JOIN LATERAL unnest(p_floors::bigint[]) WITH ORDINALITY f(floor, n)
      WHERE f.n > (t.n - 1) * 10 AND f.n <= t.n * 10 AND t.lane = ANY (v_lanes);
  END IF;
  IF v_late THEN
    PERFORM ${schema}.expire_1(v_now, ${LATE_MAX}, p_retention);
  END IF;
  IF v_slot THEN
    -- Two that count at once would both find a slot.
    IF p_alone THEN PERFORM pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`${schema}.alone`)}, 0)); END IF;
    v_slot := (SELECT count(*) FROM ${schema}.running WHERE alone) < (SELECT greatest(1, count(*) / ${ALONE_SHARE}) FROM ${schema}.workers w
      JOIN ${schema}.heartbeats b ON b.worker = w.id WHERE w.died_at IS NULL AND v_now - b.at <= w.lease_ms);
  END IF;
  IF p_alone THEN
    IF v_slot AND p_limit > 0 THEN
      <<suspects>>
      FOR v_priority IN 0..4 LOOP
        FOR v_index IN SELECT s.n FROM unnest(v_lanes) WITH ORDINALITY l(lane, n)
          CROSS JOIN LATERAL (SELECT w.run_at, w.seq, l.n FROM ${schema}.waiting w WHERE w.state = ${SUSPECT} AND w.lane = l.lane AND w.priority = v_priority
            AND w.run_at <= v_now ORDER BY w.run_at, w.seq LIMIT 1) s ORDER BY s.run_at, s.seq LOOP
          RETURN QUERY SELECT * FROM ${schema}.take_1(v_now, p_worker, v_lanes[v_index], v_priority, 0, 0, 1, v_leases[v_index], true);
          EXIT suspects WHEN FOUND;
        END LOOP;
      END LOOP;
      v_slot := (SELECT count(*) FROM ${schema}.running WHERE alone) < (SELECT greatest(1, count(*) / ${ALONE_SHARE}) FROM ${schema}.workers w
        JOIN ${schema}.heartbeats b ON b.worker = w.id WHERE w.died_at IS NULL AND v_now - b.at <= w.lease_ms);
    END IF;
  ELSE
    -- The first run time at each priority: to take is dear, and most have nothing.
    v_heads := ARRAY(SELECT ${head('p.priority')} FROM generate_series(0, 4) p(priority) ORDER BY p.priority);
    FOR v_priority IN 0..4 LOOP
      EXIT WHEN v_taken >= p_limit;
      CONTINUE WHEN v_heads[v_priority + 1] IS NULL OR v_heads[v_priority + 1] > v_now;
      LOOP
        v_room := p_limit - v_taken;
        IF cardinality(v_lanes) = 1 THEN
          v_chosen := ARRAY[1];
          v_wants := ARRAY[least(v_room, v_caps[v_queues[1]])];
        ELSE
          -- How many of the oldest are in which lane. Looked at without locks: what another claim takes meanwhile, the next in its lane stand in for.
          SELECT array_agg(x.n), array_agg(x.want) INTO v_chosen, v_wants FROM (
            SELECT r.n, count(*)::int AS want FROM (
              SELECT q.n FROM (
                SELECT h.n, h.run_at, h.seq, row_number() OVER (PARTITION BY h.queue ORDER BY h.run_at, h.seq) AS place, h.cap FROM (
                  SELECT l.n, l.queue, w.run_at, w.seq, v_caps[l.queue] AS cap
                    FROM unnest(v_lanes, v_queues) WITH ORDINALITY l(lane, queue, n) CROSS JOIN LATERAL (
                      SELECT w.run_at, w.seq FROM ${schema}.waiting w WHERE w.state = ${READY} AND w.lane = l.lane AND w.priority = v_priority
                        AND (w.run_at, w.seq) > (v_floors[(l.n - 1) * 10 + v_priority * 2 + 1], v_floors[(l.n - 1) * 10 + v_priority * 2 + 2]) AND w.run_at <= v_now AND (w.deadline IS NULL OR w.deadline >= v_now)
                        ORDER BY w.run_at, w.seq LIMIT greatest(0, least(v_room, v_caps[l.queue]))) w) h) q
                WHERE q.place <= q.cap ORDER BY q.run_at, q.seq LIMIT v_room) r GROUP BY r.n) x;
        END IF;
        v_got := 0;
        FOR v_index IN 1..coalesce(cardinality(v_chosen), 0) LOOP
          CONTINUE WHEN v_wants[v_index] <= 0;
          v_lane := v_chosen[v_index];
          RETURN QUERY SELECT * FROM ${schema}.take_1(v_now, p_worker, v_lanes[v_lane], v_priority, v_floors[(v_lane - 1) * 10 + v_priority * 2 + 1],
            v_floors[(v_lane - 1) * 10 + v_priority * 2 + 2], v_wants[v_index],
            v_leases[v_lane], false);
          GET DIAGNOSTICS v_rows = ROW_COUNT;
          v_got := v_got + v_rows;
          v_caps[v_queues[v_lane]] := v_caps[v_queues[v_lane]] - v_rows;
        END LOOP;
        v_taken := v_taken + v_got;
        -- Others took some of what was looked at, and there may be more elsewhere.
        EXIT WHEN v_got = 0 OR v_taken >= p_limit OR cardinality(v_lanes) = 1 OR v_got >= (SELECT sum(want) FROM unnest(v_wants) want);
      END LOOP;
      v_heads[v_priority + 1] := ${head('v_priority')};
    END LOOP;
  END IF;
  IF v_slot THEN
    SELECT min(h.run_at) INTO v_suspect FROM unnest(v_lanes) l(lane) CROSS JOIN generate_series(0, 4) p(priority) CROSS JOIN LATERAL (
      SELECT w.run_at FROM ${schema}.waiting w WHERE w.state = ${SUSPECT} AND w.lane = l.lane AND w.priority = p.priority ORDER BY w.run_at LIMIT 1) h;
  END IF;
  RETURN QUERY SELECT 0::bigint, NULL::uuid, json_build_array(v_now, CASE WHEN p_alone THEN v_suspect ELSE (SELECT min(h) FROM unnest(v_heads) h) END, v_suspect, NULL,
    extract(epoch FROM clock_timestamp() - v_started) * 1000)::text,
    0, 0, 0::bigint, 0::bigint, 0, NULL::text;
END`)}`
}
