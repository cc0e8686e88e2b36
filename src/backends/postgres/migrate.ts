/** Brings the schema up to date: numbered steps, each applied once, whichever process comes first. Old and new versions of Kerja may run side by side. */
import { randomUUID } from 'node:crypto'
import type { MigrationStep } from '../../contract/backend.js'
import { KerjaError } from '../../errors.js'
import { type Connection, openConnection } from './connection.js'
import { faultOf } from './faults.js'
import { initial } from './migrations/0001-initial.js'
import { pushThatTells } from './migrations/0002-push-that-tells.js'
import { locationOf, quoteIdentifier, type StoreConfig } from './options.js'

/** `schema` is quoted. */
export const MIGRATIONS: readonly ((schema: string) => MigrationStep)[] = Object.freeze([initial, pushThatTells])

/**
 * Steps that are not behind this version may have been applied by a newer one. It says in `oldest_known` which older versions still run on
 * its schema; this is the highest step they must know.
 */
const KNOWN_VERSION = MIGRATIONS.length

/** Long enough for an index on a large table. */
const STATEMENT_MS_MAX = 3_600_000
/** A statement that waits for a lock makes everybody behind it wait: so it gives up soon, and the whole step is tried again. */
const LOCK_MS_MAX = 1_000
const LOCK_TRIES_MAX = 30
/** What says that two processes migrate the same schema. */
const LOCK_NAMESPACE = 0x6b_65_72_6a

const SERVER_VERSION_MIN = 130_000

/** Begins the comment that tells one store from another. */
export const STORE_MARK = 'kerja store '

interface Applied {
  /** 0 before the first migration. */
  readonly version: number
  /** The least version of Kerja's schema knowledge that may use it. */
  readonly oldestKnown: number
}

/** Not by `to_regclass`: within a transaction it may go on saying that there is none. */
const EXISTS =
  "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'migrations')"

const createMigrations = (schema: string): readonly string[] => [
  `CREATE SCHEMA IF NOT EXISTS ${schema}`,
  `CREATE TABLE IF NOT EXISTS ${schema}.migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    oldest_known integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`,
  // By which a transaction handed to Kerja is known to be of this very database.
  `COMMENT ON TABLE ${schema}.migrations IS '${STORE_MARK}${randomUUID()}'`,
]

/** All statements of a step, with those that note it down. */
function statementsOf(step: MigrationStep, schema: string): readonly string[] {
  const first = step.version === 1 ? createMigrations(schema) : []
  const note = `INSERT INTO ${schema}.migrations (version, name, oldest_known) VALUES (${step.version}, '${step.name}', 1)`
  return [...first, ...step.statements, note]
}

/** What would be run, in order; empty when current. @throws {STORE_VERSION} {BACKEND_UNAVAILABLE} */
export async function pendingMigrations(config: StoreConfig): Promise<readonly MigrationStep[]> {
  const connection = await openConnection(config)
  try {
    return pendingOn(connection, config, await appliedOn(connection, config.schema))
  } finally {
    await connection.close()
  }
}

function pendingOn(connection: Connection, config: StoreConfig, applied: Applied): readonly MigrationStep[] {
  if (connection.serverVersion < SERVER_VERSION_MIN)
    throw new KerjaError(
      'UNSUPPORTED',
      `${locationOf(config)} runs PostgreSQL ${Math.floor(connection.serverVersion / 10_000)}; Kerja needs ${SERVER_VERSION_MIN / 10_000} or newer.`,
    )
  if (applied.oldestKnown > KNOWN_VERSION)
    throw new KerjaError(
      'STORE_VERSION',
      `${locationOf(config)} has schema version ${applied.version}, which needs a Kerja that knows version ${applied.oldestKnown}; this one knows up to ${KNOWN_VERSION}. Update the kerja package in this process.`,
      { details: { version: applied.version, known: KNOWN_VERSION } },
    )
  const schema = quoteIdentifier(config.schema)
  return MIGRATIONS.slice(applied.version).map((make) => {
    const step = make(schema)
    return { ...step, statements: statementsOf(step, schema) }
  })
}

async function appliedOn(connection: Connection, schema: string): Promise<Applied> {
  const [exists] = await connection.query<[boolean]>(EXISTS, [schema])
  if (exists?.[0] !== true) return { version: 0, oldestKnown: 0 }
  const [row] = await connection.query<[number | null, number | null]>(
    `SELECT max(version), max(oldest_known) FROM ${quoteIdentifier(schema)}.migrations`,
  )
  return { version: row?.[0] ?? 0, oldestKnown: row?.[1] ?? 0 }
}

/** Applies what is pending: a step at a time, each in one transaction, under a lock that lets one process of all do it. @throws {STORE_VERSION} {STORE_DENIED} */
export async function applyMigrations(config: StoreConfig): Promise<void> {
  const connection = await openConnection(config)
  try {
    // Nothing to do is the rule, and needs no lock and no right to create anything.
    while (pendingOn(connection, config, await appliedOn(connection, config.schema)).length > 0) await applyNext(connection, config)
  } finally {
    await connection.close()
  }
}

async function applyNext(connection: Connection, config: StoreConfig): Promise<void> {
  for (let tryCount = 1; ; tryCount++) {
    try {
      await connection.query('BEGIN')
      await connection.query("SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true)", [
        String(STATEMENT_MS_MAX),
      ])
      // Waits for whoever is at it, then finds nothing left to do. Held by the transaction, so that a pooler is no matter.
      await connection.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_NAMESPACE, config.schema], STATEMENT_MS_MAX)
      const [step] = pendingOn(connection, config, await appliedOn(connection, config.schema))
      await connection.query("SELECT set_config('lock_timeout', $1, true)", [String(LOCK_MS_MAX)])
      for (const statement of step?.statements ?? []) await connection.query(statement, [], STATEMENT_MS_MAX)
      await connection.query('COMMIT')
      return
    } catch (error) {
      if (!connection.lost) await connection.query('ROLLBACK')
      const fault = faultOf(error, locationOf(config))
      if (fault.code !== 'STORE_LOCKED' || tryCount >= LOCK_TRIES_MAX) throw fault
    }
  }
}
