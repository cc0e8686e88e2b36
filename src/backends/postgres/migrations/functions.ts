/** What the SQL functions share. A function's name ends in its version, so that old and new workers run side by side. */

/**
 * For functions on the hot path: each statement has one plan, made once per session, by index and without joins that read more than they
 * answer. The tables are empty at one time and huge at another, so that statistics mislead whatever they say.
 */
export const BY_INDEX = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_bitmapscan = off SET jit = off`

/** A body in quotes of its own. */
export const body = (text: string): string => `$kerja_body$\n${text.trim()}\n$kerja_body$`

/** The instant of a call: what the caller says, else the database's clock. */
export const clockStatements = (schema: string): readonly string[] => [
  `CREATE FUNCTION ${schema}.now_1(p_now bigint) RETURNS bigint LANGUAGE sql VOLATILE AS ${body(`
    SELECT coalesce(p_now, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)`)}`,
]
