/** Brings the schema up to date: numbered steps, each applied once, whichever process comes first. */
import type { MigrationStep } from '../../contract/backend.js'
import { KerjaError } from '../../errors.js'
import type { Connection } from './driver.js'
import { initial } from './migrations/0001-initial.js'
import { keysOfAJob } from './migrations/0002-keys-of-a-job.js'

export const MIGRATIONS: readonly MigrationStep[] = Object.freeze([initial, keysOfAJob])
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0

const CREATE_MIGRATIONS =
  'CREATE TABLE IF NOT EXISTS kerja_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT'

/** 0 before the first migration. */
export function schemaVersionOf(connection: Connection): number {
  const known = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'kerja_migrations'").row()
  if (known === undefined) return 0
  return connection.prepare<[number | null]>('SELECT max(version) FROM kerja_migrations').row()?.[0] ?? 0
}

/** @throws {STORE_VERSION} */
export function pendingMigrations(connection: Connection, path: string): readonly MigrationStep[] {
  const version = schemaVersionOf(connection)
  if (version > SCHEMA_VERSION)
    throw new KerjaError(
      'STORE_VERSION',
      `${path} has schema version ${version}; this version of Kerja knows up to ${SCHEMA_VERSION}. Update the kerja package in this process.`,
      { details: { path, version, known: SCHEMA_VERSION } },
    )
  return MIGRATIONS.filter((step) => step.version > version)
}

/** Applies what is pending. Call it in a write transaction: a second process then finds nothing left to do. */
export function applyMigrations(connection: Connection, path: string, now: number): readonly MigrationStep[] {
  const steps = pendingMigrations(connection, path)
  if (steps.length === 0) return steps
  connection.exec(CREATE_MIGRATIONS)
  const record = connection.prepare('INSERT INTO kerja_migrations (version, name, applied_at) VALUES (?, ?, ?)')
  for (const step of steps) {
    for (const statement of step.statements) connection.exec(statement)
    record.run(step.version, step.name, now)
  }
  return steps
}
