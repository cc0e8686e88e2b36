/** SQL functions that make room: a partition of history for each day ahead, and away with what is past its retention. `schema` is quoted. */
import { quoteLiteral } from '../options.js'
import { body } from './functions.js'

export const pruneStatements = (schema: string): readonly string[] => [
  firstId(schema),
  makePartitions(schema),
  dropPartitions(schema),
  prune(schema),
  ...[`make_partitions_1(bigint)`, `drop_partitions_1(bigint, int)`, `prune_1(bigint, int)`].map(
    (name) => `REVOKE EXECUTE ON FUNCTION ${schema}.${name} FROM PUBLIC`,
  ),
]

const DAY_MS = 86_400_000
/** Days ahead that have their partition: as long as the maintenance may be away. What finds none lies in the default partition, which is as right. */
const DAYS_AHEAD = 2
/** Rows of a day that may outlive it: they are moved, so that the day can be dropped. */
const STRAGGLERS_MAX = 10_000
/** Expired rows of a day that are deleted one by one; more go with their day. */
const SLICED_MAX = 10_000
/** A day that could not be dropped by then, since too many stragglers are in it, is deleted from all the same. */
const DAYS_LEFT_WHOLE = 3
/** Nobody waits long behind these: they try again at the next turn. */
const PATIENCE = `SET lock_timeout = '100ms'`
/** They make and drop tables for whoever may call them, so that a worker needs no such right itself. */
const AS_OWNER = `SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off`
/** Idempotency keys and old counters per call: as with jobs, the next call goes on. */
const KEYS_MAX = 1_000
/** The longest window that statistics can be asked for is a day. */
const MINUTES_KEPT = 24 * 60
/** Rows of counters that are folded into one per lane and minute, at most, per call. */
const COUNTERS_MAX = 20_000

/** The least UUIDv7 of an instant. */
const firstId = (schema: string): string =>
  `CREATE FUNCTION ${schema}.first_id_1(p_at bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS ${body(`
  SELECT (lpad(to_hex(greatest(p_at, 0)), 12, '0') || repeat('0', 20))::uuid`)}`

const makePartitions = (schema: string): string =>
  `CREATE FUNCTION ${schema}.make_partitions_1(p_now bigint) RETURNS void LANGUAGE plpgsql ${AS_OWNER} ${PATIENCE} AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_start bigint;
  v_name text;
BEGIN
  FOR v_ahead IN 0..${DAYS_AHEAD} LOOP
    v_start := (v_now / ${DAY_MS} + v_ahead) * ${DAY_MS};
    v_name := 'history_' || to_char(to_timestamp(v_start / 1000.0) AT TIME ZONE 'UTC', 'YYYYMMDD');
    CONTINUE WHEN EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = ${quoteLiteral(schema)}::regnamespace AND relname = v_name);
    BEGIN
      EXECUTE 'CREATE TABLE IF NOT EXISTS ' || ${quoteLiteral(schema)} || '.' || quote_ident(v_name) || ' PARTITION OF ' || ${quoteLiteral(schema)}
        || '.history FOR VALUES FROM (' || quote_literal(${schema}.first_id_1(v_start)) || ') TO (' || quote_literal(${schema}.first_id_1(v_start + ${DAY_MS})) || ')';
    EXCEPTION WHEN lock_not_available OR check_violation OR duplicate_table OR unique_violation THEN
      -- In use, or the default partition already holds ids of that day, or another was first: the default serves as well.
      NULL;
    END;
  END LOOP;
END`)}`

/** How many rows of the partition in `v_part` fit a condition on `prune_at`, up to a limit: by index, lane by lane, never by a scan of the partition. */
const countSql = (schema: string, condition: string, limit: string): string =>
  `'${`SELECT count(*) FROM (SELECT 1 FROM ${schema}.lanes l CROSS JOIN (VALUES (2), (3), (4)) s(state) CROSS JOIN LATERAL (SELECT 1 FROM `.replaceAll("'", "''")}' || v_part
      || ' h WHERE h.lane = l.id AND h.state = s.state AND h.prune_at ${condition} $1 LIMIT ' || ${limit} || ') h LIMIT ' || ${limit} || ') c'`

/** The partitions of history by name: days, in order, and the default, which sorts after them. */
const partitionsSql = (schema: string): string =>
  `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = ${quoteLiteral(`${schema}.history`)}::regclass`

const dayName = (at: string): string => `'history_' || to_char(to_timestamp((${at}) / 1000.0) AT TIME ZONE 'UTC', 'YYYYMMDD')`

/**
 * Drops the days of which nothing is left within its retention. A few stragglers, such as failed jobs that are kept for longer, are moved to the
 * default partition first. How many ended jobs went, up to `p_limit`.
 */
const dropPartitions = (schema: string): string =>
  `CREATE FUNCTION ${schema}.drop_partitions_1(p_now bigint, p_limit int) RETURNS bigint LANGUAGE plpgsql ${AS_OWNER} ${PATIENCE} SET enable_seqscan = on AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_name text;
  v_part text;
  v_left bigint;
  v_gone bigint;
  v_dropped bigint := 0;
BEGIN
  FOR v_name IN ${partitionsSql(schema)} AND c.relname ~ '^history_[0-9]{8}$' AND c.relname < ${dayName('v_now')} ORDER BY 1 LOOP
    v_part := ${quoteLiteral(schema)} || '.' || quote_ident(v_name);
    EXECUTE ${countSql(schema, '>', `${STRAGGLERS_MAX + 1}`)} INTO v_left USING v_now;
    CONTINUE WHEN v_left > ${STRAGGLERS_MAX};
    EXECUTE ${countSql(schema, '<=', 'p_limit')} INTO v_gone USING v_now;
    BEGIN
      EXECUTE ${quoteLiteral(`DELETE FROM ${schema}.attempts a USING `)} || v_part || ' h WHERE h.seq = a.seq AND h.prune_at <= $1' USING v_now;
      EXECUTE ${quoteLiteral(`DELETE FROM ${schema}.logs g USING `)} || v_part || ' h WHERE h.seq = g.seq AND h.prune_at <= $1' USING v_now;
      EXECUTE ${quoteLiteral(`DELETE FROM ${schema}.progress p USING `)} || v_part || ' h WHERE h.seq = p.seq AND h.prune_at <= $1' USING v_now;
      -- From here on nobody else can use history, so nothing that takes long may follow.
      EXECUTE ${quoteLiteral(`ALTER TABLE ${schema}.history DETACH PARTITION `)} || v_part;
      IF v_left > 0 THEN EXECUTE ${quoteLiteral(`INSERT INTO ${schema}.history SELECT h.* FROM ${schema}.lanes l CROSS JOIN (VALUES (2), (3), (4)) s(state) JOIN `)} || v_part
        || ' h ON h.lane = l.id AND h.state = s.state AND h.prune_at > $1' USING v_now; END IF;
      EXECUTE 'DROP TABLE ' || v_part;
      v_dropped := v_dropped + v_gone;
    EXCEPTION WHEN lock_not_available THEN
      -- A long read is at it. It is tried again at the next turn.
      NULL;
    END;
  END LOOP;
  RETURN v_dropped;
END`)}`

/**
 * Up to `p_limit` ended jobs past their retention, after the days that can go whole; with them keys and counters that have run out. Where many
 * of a day are past it, they are left to go with their day, for which the rest of it is not long: to delete a million rows costs more than to keep
 * them until then.
 */
const prune = (schema: string): string =>
  `CREATE FUNCTION ${schema}.prune_1(p_now bigint, p_limit int) RETURNS int LANGUAGE plpgsql ${AS_OWNER} SET enable_seqscan = off AS ${body(`
DECLARE
  v_now bigint := ${schema}.now_1(p_now);
  v_count bigint;
  v_name text;
  v_part text;
  v_past bigint;
  v_ids uuid[];
  v_seqs bigint[];
BEGIN
  PERFORM ${schema}.make_partitions_1(v_now);
  v_count := ${schema}.drop_partitions_1(v_now, p_limit);
  FOR v_name IN ${partitionsSql(schema)} ORDER BY 1 LOOP
    EXIT WHEN v_count >= p_limit;
    v_part := ${quoteLiteral(schema)} || '.' || quote_ident(v_name);
    EXECUTE ${countSql(schema, '<=', `${SLICED_MAX + 1}`)} INTO v_past USING v_now;
    CONTINUE WHEN v_past = 0 OR (v_past > ${SLICED_MAX} AND v_name ~ '^history_[0-9]{8}$' AND v_name >= ${dayName(`v_now - ${DAYS_LEFT_WHOLE} * ${DAY_MS}::bigint`)});
    EXECUTE ${quoteLiteral(`SELECT array_agg(h.id) FROM (SELECT h.id FROM ${schema}.lanes l CROSS JOIN (VALUES (2), (3), (4)) s(state) CROSS JOIN LATERAL (SELECT h.id FROM `)} || v_part
      || ' h WHERE h.lane = l.id AND h.state = s.state AND h.prune_at <= $1 LIMIT $2) h LIMIT $2) h' INTO v_ids USING v_now, p_limit - v_count;
    EXECUTE 'WITH gone AS (DELETE FROM ' || v_part || ' h WHERE h.id = ANY ($1) AND h.prune_at <= $2 RETURNING h.seq) SELECT array_agg(seq) FROM gone'
      INTO v_seqs USING v_ids, v_now;
    PERFORM ${schema}.forget_1(v_seqs);
    v_count := v_count + coalesce(cardinality(v_seqs), 0);
  END LOOP;
  DELETE FROM ${schema}.idempotency WHERE (kind, key) IN (SELECT kind, key FROM ${schema}.idempotency WHERE expires_at <= v_now ORDER BY expires_at LIMIT ${KEYS_MAX});
  DELETE FROM ${schema}.counters WHERE minute < v_now / 60000 - ${MINUTES_KEPT};
  WITH folded AS (
    DELETE FROM ${schema}.counters WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM ${schema}.counters c JOIN (
      SELECT DISTINCT minute, lane FROM (SELECT minute, lane, row_number() OVER (PARTITION BY minute, lane) AS n FROM (
        SELECT minute, lane FROM ${schema}.counters WHERE minute < v_now / 60000 - 1 ORDER BY minute DESC LIMIT ${COUNTERS_MAX}) x) y WHERE n > 1) z
      USING (minute, lane) LIMIT ${COUNTERS_MAX})) RETURNING *
  ) INSERT INTO ${schema}.counters SELECT lane, minute, sum(completed), sum(retried), sum(failed) FROM folded GROUP BY lane, minute;
  RETURN least(v_count, p_limit);
END`)}`
