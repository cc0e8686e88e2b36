/** What SQLite's errors mean to the caller: coded errors that say what happened and what to do. */
import { isKerjaError, KerjaError, type KerjaErrorCode } from '../../errors.js'

/** Primary result codes by number, as node:sqlite reports them. better-sqlite3 reports names. */
const PRIMARY_CODES: Readonly<Record<number, string>> = Object.freeze({
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  19: 'SQLITE_CONSTRAINT',
  26: 'SQLITE_NOTADB',
})
const EXTENDED_CODE_MASK = 0xff

/** `SQLITE_BUSY`, `SQLITE_FULL`, …; null when the error is not SQLite's. */
export function sqliteCodeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return PRIMARY_CODES[errcode & EXTENDED_CODE_MASK] ?? 'SQLITE_ERROR'
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return null
  // SQLITE_IOERR_FSYNC and the like: the primary code is the first two words.
  return code.split('_').slice(0, 2).join('_')
}

/** Waiting helps: another connection holds a lock or is recovering the WAL. */
export const isBusy = (error: unknown): boolean => {
  const code = sqliteCodeOf(error)
  return code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED' || code === 'SQLITE_PROTOCOL'
}

export const isConstraint = (error: unknown): boolean => sqliteCodeOf(error) === 'SQLITE_CONSTRAINT'

export const isFull = (error: unknown): boolean => sqliteCodeOf(error) === 'SQLITE_FULL'

/** The connection cannot be trusted after it: a failed fsync reports success the second time, and a damaged file must be read afresh. */
export const isFatal = (error: unknown): boolean => {
  const code = sqliteCodeOf(error)
  return code === 'SQLITE_IOERR' || code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB' || code === 'SQLITE_CANTOPEN' || code === 'SQLITE_READONLY'
}

const FAULTS: Readonly<Record<string, readonly [KerjaErrorCode, (path: string) => string]>> = Object.freeze({
  SQLITE_FULL: [
    'STORE_FULL',
    (path) => `The disk of ${path} (or its size limit) is full. Free space: nothing stored was lost, and Kerja goes on by itself.`,
  ],
  SQLITE_READONLY: ['STORE_READ_ONLY', (path) => `${path} cannot be written. Give this user write access to the file and to its folder.`],
  SQLITE_CANTOPEN: [
    'BACKEND_UNAVAILABLE',
    (path) => `${path} cannot be opened. Check that its folder exists and that this user may read and write there.`,
  ],
  SQLITE_CORRUPT: [
    'STORE_CORRUPT',
    (path) => `${path} is damaged. Stop all processes, keep a copy, and recover it with \`sqlite3 ${path} .recover\` or from a backup.`,
  ],
  SQLITE_NOTADB: ['STORE_CORRUPT', (path) => `${path} is not a SQLite database. Point Kerja at another file, or move this one away.`],
  SQLITE_IOERR: ['BACKEND_UNAVAILABLE', (path) => `Reading or writing ${path} failed. Check the disk; Kerja reopens the file at the next call.`],
})

/** The coded error for a failed call. Kerja's own errors pass through. */
export function faultOf(error: unknown, path: string): KerjaError {
  if (isKerjaError(error)) return error
  if (isBusy(error)) return lockedError(path, null, error)
  const fault = FAULTS[sqliteCodeOf(error) ?? '']
  const words = error instanceof Error ? error.message : String(error)
  if (fault === undefined) return new KerjaError('BACKEND_UNAVAILABLE', `A call to ${path} failed: ${words}`, { cause: error, details: { path } })
  return new KerjaError(fault[0], `${fault[1](path)} (SQLite says: ${words})`, { cause: error, details: { path } })
}

export function lockedError(path: string, waitedMs: number | null, cause: unknown): KerjaError {
  return new KerjaError(
    'STORE_LOCKED',
    `Another connection held the write lock of ${path}${waitedMs === null ? '' : ` for more than ${waitedMs} ms`}. The usual cause is code that awaits enqueue while its own write transaction on this file is open: pass that transaction as { tx }.`,
    { cause, details: { path, waitedMs } },
  )
}

/** An error as it crosses the thread boundary, where classes are lost. */
export interface WireError {
  readonly code: KerjaErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

export const encodeError = (error: KerjaError): WireError => ({ code: error.code, message: error.message, details: error.details })

export const decodeError = (wire: WireError): KerjaError => new KerjaError(wire.code, wire.message, { details: wire.details })
