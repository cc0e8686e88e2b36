/** Pushes that wake other processes in the same round trip. `schema` is quoted. */
import type { MigrationStep } from '../../../contract/backend.js'
import { body } from './functions.js'

/** Part of the server's queue of notifications. Nearly full it means that somebody listens and never reads. */
const QUEUE_USED_MAX = 0.5

/**
 * `push_1`, and once that is committed a NOTIFY of its own: within the push it would hold a lock of the whole server while that is written to disk,
 * and one that found the server's queue full would undo the push. Without settings of its own, since those forbid COMMIT; not within a transaction.
 */
const pushAndTell = (
  schema: string,
): string => `CREATE PROCEDURE ${schema}.push_and_tell_1(p_now bigint, p_ids text, p_lanes text, p_priorities text, p_max_attempts text,
  p_payloads text, p_extras text, p_channel text, INOUT known text) LANGUAGE plpgsql AS ${body(`
BEGIN
  known := ${schema}.push_1(p_now, p_ids, p_lanes, p_priorities, p_max_attempts, p_payloads, p_extras);
  COMMIT;
  IF pg_notification_queue_usage() < ${QUEUE_USED_MAX} THEN PERFORM pg_notify(p_channel, ''); END IF;
END`)}`

export const pushThatTells = (schema: string): MigrationStep => ({ version: 2, name: 'push that tells', statements: [pushAndTell(schema)] })
