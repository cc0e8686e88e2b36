/** The raw PostgreSQL engine: one table, one partial index over what is ready. No retries, keys, history or leases, so that its rates bound what a job system on it can reach. */
import { connect, schema } from '../postgres/server.mjs'

// One statement, in which the settling must come first: a CTE that nobody refers to would run after the claim, and a claim that re-checks a row which another
// worker has just taken would keep its lock meanwhile, and deadlock.
const SETTLE_AND_CLAIM = `
  WITH settled AS (DELETE FROM jobs WHERE id = ANY ($1::bigint[]) RETURNING id)
  UPDATE jobs SET state = 1, attempt = attempt + 1, worker = $2
  WHERE id = ANY (ARRAY(
    SELECT id FROM jobs WHERE state = 0 AND run_at <= $3 ORDER BY priority, run_at, id
    LIMIT $4 + 0 * (SELECT count(*) FROM settled) FOR UPDATE SKIP LOCKED
  ))
  RETURNING id, kind, attempt, payload`

const INSERT = 'INSERT INTO jobs (kind, run_at, payload) SELECT $1, $2, payload FROM unnest($3::text[]) AS payload'

const DAY_MS = 86_400_000

/** A connection to the jobs, whose table is created when it is not there. */
export async function openJobsTable() {
  const client = await connect()
  await client.query(`
    SET client_min_messages = 'warning';
    CREATE SCHEMA IF NOT EXISTS ${schema};
    CREATE TABLE IF NOT EXISTS jobs (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      kind text NOT NULL,
      state smallint NOT NULL DEFAULT 0,
      priority smallint NOT NULL DEFAULT 0,
      run_at bigint NOT NULL,
      attempt smallint NOT NULL DEFAULT 0,
      worker text,
      payload text NOT NULL
    );
    CREATE INDEX IF NOT EXISTS ready ON jobs (priority, run_at, id) WHERE state = 0;
  `)
  return client
}

/** Inserts JSON texts in one commit. */
export function insertJobs(client, payloads, { scheduled = false } = {}) {
  const runAt = Date.now() + (scheduled ? DAY_MS : 0)
  return client.query({ name: 'insert', text: INSERT, values: ['bench.noop', runAt, payloads] })
}

/** Ends one batch and claims the next in one statement and one commit. */
export async function settleAndClaim(client, { settled, worker, limit }) {
  const values = [settled.map(({ id }) => id), worker, Date.now(), limit]
  return (await client.query({ name: 'settle-and-claim', text: SETTLE_AND_CLAIM, values })).rows
}
