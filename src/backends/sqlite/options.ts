/** What `sqlite(…)` can be told, checked once and made complete. */
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type StoreClock, systemClock } from '../../contract/clock.js'
import { type Duration, parseDuration } from '../../core/duration.js'
import { rejectUnknown } from '../../core/suggest.js'
import { KerjaError, quote } from '../../errors.js'
import type { DriverName } from './driver.js'

export interface SqliteOptions {
  /** The database file. Created when missing; its folder must exist. It may be the application's own database: tables are prefixed `kerja_`. */
  readonly path: string
  /** Which library runs SQLite. Default: the first safe one of `node:sqlite` (Node >= 22.13) and `better-sqlite3`. */
  readonly driver?: DriverName
  /** `full` (default): a stored job survives a power cut. `normal`: faster; a power cut may lose the last moments, never the file. */
  readonly synchronous?: 'full' | 'normal'
  /** How long to wait for another process's write before STORE_LOCKED, at most a minute. Default 2s. */
  readonly lockTimeout?: Duration
  /** Accepts SQLite versions with the WAL-reset defect. Default false. */
  readonly allowUnsafeSqlite?: boolean
  /** Accepts a file on NFS, SMB, FUSE or 9p, where SQLite's locks and shared memory are not dependable. Default false. */
  readonly allowNetworkFilesystem?: boolean
  /** The store's clock; tests move one by hand. Default: the system's. */
  readonly clock?: StoreClock
}

/** Everything a thread needs, as data that survives a structured clone. */
export interface StoreConfig {
  readonly path: string
  readonly driver: DriverName | undefined
  readonly synchronous: 'full' | 'normal'
  readonly lockTimeoutMs: number
  readonly allowUnsafeSqlite: boolean
  readonly allowNetworkFilesystem: boolean
  readonly clockBuffer: SharedArrayBuffer | undefined
}

export const SQLITE_DEFAULTS = Object.freeze({ synchronous: 'full', lockTimeoutMs: 2_000 } as const)
const LOCK_TIMEOUT_MS_MAX = 60_000

const KNOWN_OPTIONS: readonly (keyof SqliteOptions)[] = [
  'path',
  'driver',
  'synchronous',
  'lockTimeout',
  'allowUnsafeSqlite',
  'allowNetworkFilesystem',
  'clock',
]

const invalid = (what: string, value: unknown, remedy: string): KerjaError =>
  new KerjaError('OPTION_INVALID', `sqlite: ${what} is ${quote(value)}. ${remedy}`, { details: { option: what } })

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveOptions(given: SqliteOptions | string): StoreConfig {
  const options: SqliteOptions = typeof given === 'string' ? { path: given } : given
  rejectUnknown(options, KNOWN_OPTIONS, 'sqlite()')
  const { path, driver, synchronous = SQLITE_DEFAULTS.synchronous, lockTimeout = SQLITE_DEFAULTS.lockTimeoutMs, clock = systemClock } = options
  if (typeof path !== 'string' || path === '' || path.startsWith(':'))
    throw invalid('path', path, 'Give the path of a file; for a store in memory use the memory backend.')
  if (driver !== undefined && driver !== 'node:sqlite' && driver !== 'better-sqlite3')
    throw invalid('driver', driver, "Use 'node:sqlite' or 'better-sqlite3'.")
  if (synchronous !== 'full' && synchronous !== 'normal') throw invalid('synchronous', synchronous, "Use 'full' or 'normal'.")
  return {
    path: resolve(path),
    driver,
    synchronous,
    lockTimeoutMs: parseDuration(lockTimeout, 'lockTimeout', { maxMs: LOCK_TIMEOUT_MS_MAX }),
    allowUnsafeSqlite: options.allowUnsafeSqlite === true,
    allowNetworkFilesystem: options.allowNetworkFilesystem === true,
    clockBuffer: clock.buffer,
  }
}

/** One name per file, whatever link it is reached by: SQLite's own side files follow the real path too. */
export function realPathOf(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return join(existsSync(folder) ? realpathSync(folder) : folder, basename(path))
}
