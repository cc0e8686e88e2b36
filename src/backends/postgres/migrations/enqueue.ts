/** The SQL function by which triggers and programs in other languages enqueue. `schema` is quoted. docs/postgres.md documents it: its names and defaults are public. */
import { PRIORITIES } from '../../../core/state.js'
import { channelOf } from '../channels.js'
import { quoteLiteral } from '../options.js'
import { body } from './functions.js'

const DAY_MS = 86_400_000
/** As in DEFAULTS of the version that made this function. */
const MAX_ATTEMPTS = 10
const IDEMPOTENCY_TTL_MS = 7 * DAY_MS

/** A time span in whole ms, rounded up: a job never starts early. */
const ms = (span: string): string => `ceil(extract(epoch FROM ${span}) * 1000)::bigint`

/** `name` is the schema's own, unquoted. */
export const enqueueStatements = (schema: string, name: string): readonly string[] => [
  // A UUIDv7: 48 bits of time, then chance. gen_random_uuid has the bits of the variant already.
  `CREATE FUNCTION ${schema}.new_id_1() RETURNS uuid LANGUAGE sql VOLATILE AS ${body(`
    SELECT encode(set_byte(bytes, 6, (get_byte(bytes, 6) & 15) | 112), 'hex')::uuid FROM (
      SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(${schema}.now_1(NULL)) FROM 3) FROM 1 FOR 6) AS bytes) fresh`)}`,
  `CREATE FUNCTION ${schema}.enqueue(kind text, payload jsonb, queue text DEFAULT 'default', version int DEFAULT 1, priority text DEFAULT 'normal',
    delay interval DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts int DEFAULT ${MAX_ATTEMPTS}, give_up_after interval DEFAULT NULL,
    start_within interval DEFAULT NULL, job_group text DEFAULT NULL, tags text[] DEFAULT '{}', idempotency_key text DEFAULT NULL,
    unique_key text DEFAULT NULL, unique_while text DEFAULT 'waiting', when_taken text DEFAULT 'skip', wake boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql AS ${body(`
    DECLARE
      v_now bigint := ${schema}.now_1(NULL);
      v_rank int := array_position(ARRAY[${PRIORITIES.map((word) => `'${word}'`).join(', ')}], priority) - 1;
      v_id uuid := ${schema}.new_id_1();
      v_payload text := payload::text;
      v_answer json;
    BEGIN
      IF kind !~ '^[A-Za-z0-9_][A-Za-z0-9._:/@+-]{0,199}$' OR queue !~ '^[A-Za-z0-9_][A-Za-z0-9._:/@+-]{0,199}$' OR v_payload IS NULL THEN
        RAISE EXCEPTION 'kerja: a kind and a queue are names like video.transcode, and a payload is JSON' USING ERRCODE = '22023';
      END IF;
      IF v_rank IS NULL OR version < 1 OR max_attempts NOT BETWEEN 1 AND 1000 OR unique_while NOT IN ('waiting', 'live')
        OR when_taken NOT IN ('skip', 'replace', 'reject') THEN
        RAISE EXCEPTION 'kerja: priority, version, max_attempts, unique_while or when_taken has a value that is not known' USING ERRCODE = '22023';
      END IF;
      IF octet_length(v_payload) > 262144 THEN RAISE EXCEPTION 'kerja: the payload is over 256 KiB' USING ERRCODE = '22023'; END IF;
      -- An answer of null is a json null: created.
      v_answer := ${schema}.push_items_1(v_now, json_build_array(json_build_array(v_id, ${schema}.lane_1(queue, kind, version), v_rank, max_attempts, v_payload,
        ${ms('run_at')}, coalesce(${ms('delay')}, 0), ${ms('give_up_after')}, ${ms('start_within')}, job_group, to_json(nullif(tags, '{}'))::text,
        NULL, NULL, NULL, kind, version, idempotency_key, CASE WHEN idempotency_key IS NOT NULL
          THEN translate(trim(trailing '=' FROM encode(sha256(convert_to(v_payload, 'UTF8')), 'base64')), '+/', '-_') END,
        CASE WHEN idempotency_key IS NOT NULL THEN ${IDEMPOTENCY_TTL_MS} END, unique_key, unique_while = 'live',
        CASE WHEN unique_key IS NOT NULL THEN when_taken END, NULL)))::json -> 0;
      IF v_answer ->> 0 = 'conflict' THEN
        RAISE EXCEPTION 'kerja: the % key of this job stands for job %', v_answer ->> 2, v_answer ->> 1 USING ERRCODE = '23505';
      END IF;
      IF wake THEN PERFORM pg_notify(${quoteLiteral(channelOf(name, 'available'))}, ''); END IF;
      RETURN coalesce((v_answer ->> 1)::uuid, v_id);
    END`)}`,
]
