/** Which SQLite libraries can be used here. Kerja's own gate decides, asked through its front door with a store that is thrown away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isKerjaError, Kerja, type KerjaError } from '../index.js'

/** In the order in which Kerja takes them. */
export const SQLITE_DRIVERS = ['node:sqlite', 'better-sqlite3'] as const
export type SqliteDriver = (typeof SQLITE_DRIVERS)[number]

export interface DriverProbe {
  readonly name: SqliteDriver
  /** Why it cannot be used, or null when it can. */
  readonly problem: KerjaError | null
  /** SQLite's own version, where the library is there. */
  readonly sqliteVersion: string | null
}

interface Database {
  prepare(sql: string): { get(): unknown }
  close(): void
}

/** Libraries are found from Kerja's own place: that is where the backend looks. */
const require = createRequire(import.meta.url)

export async function probeDriver(name: SqliteDriver): Promise<DriverProbe> {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-probe-'))
  const kerja = new Kerja({ backend: `sqlite:${join(folder, 'probe.db')}?driver=${name}`, logger: 'silent' })
  try {
    await kerja.open()
    return { name, problem: null, sqliteVersion: versionOf(name) }
  } catch (error) {
    if (!isKerjaError(error)) throw error
    return { name, problem: error, sqliteVersion: error.code === 'DRIVER_UNSAFE' ? versionOf(name) : null }
  } finally {
    await kerja.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function versionOf(name: SqliteDriver): string | null {
  // Asking node:sqlite itself would print its ExperimentalWarning on Node 22.
  if (name === 'node:sqlite') return (process.versions as Readonly<Record<string, string | undefined>>).sqlite ?? null
  const Database = require(name) as new (path: string) => Database
  const database = new Database(':memory:')
  try {
    return (database.prepare('SELECT sqlite_version() AS version').get() as { readonly version: string }).version
  } finally {
    database.close()
  }
}
