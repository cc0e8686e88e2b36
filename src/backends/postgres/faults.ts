/** What PostgreSQL's errors mean to the caller: coded errors that say what happened and what to do. */
import { isKerjaError, KerjaError, type KerjaErrorCode } from '../../errors.js'

const SQLSTATE = /^[0-9A-Z]{5}$/
const isText = (value: unknown): value is string => typeof value === 'string'

/** Errors lie within errors: ours, and those of the libraries through which callers reach the server. */
const DEPTH_MAX = 5

/** The server's own error code, such as `40001`; null when the error is not the server's. Looks into errors that carry another. */
export function sqlstateOf(error: unknown, depth = 0): string | null {
  if (typeof error !== 'object' || error === null || depth > DEPTH_MAX) return null
  const { code, severity, originalCode, cause, driverError, meta } = error as Readonly<Record<string, unknown>>
  if (isText(code) && isText(severity) && SQLSTATE.test(code)) return code
  if (isText(originalCode) && SQLSTATE.test(originalCode)) return originalCode
  const { driverAdapterError } = (meta ?? {}) as Readonly<Record<string, unknown>>
  return [cause, driverError, driverAdapterError].map((inner) => sqlstateOf(inner, depth + 1)).find((found) => found !== null) ?? null
}

/** Neither the server's word nor the network's: the library says that what it was given is closed, released or used up. */
export function isSpent(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return sqlstateOf(error) === null && !(isText(code) && /^E[A-Z]+$/.test(code))
}

/** Ends of the session, or of the server's willingness: terminated, shutting down, starting up, too many clients, now read-only. */
const SESSION_ENDS = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25006', '53300'])

/**
 * The connection cannot be used further: it is gone, its state is unknown, or it leads to a node that cannot write. What is not the server's
 * own word comes from the socket or the library, which then has lost its place in the conversation.
 */
export function isFatal(error: unknown): boolean {
  const sqlstate = sqlstateOf(error)
  if (sqlstate === null) return true
  return sqlstate.startsWith('08') || SESSION_ENDS.has(sqlstate)
}

/** It was undone by the server because of others, and may be tried again at once. */
export const isContention = (error: unknown): boolean => {
  const sqlstate = sqlstateOf(error)
  return sqlstate === '40001' || sqlstate === '40P01' || sqlstate === '55P03'
}

type Fault = readonly [KerjaErrorCode, (location: string) => string]

const unavailable = (words: string): Fault => ['BACKEND_UNAVAILABLE', (location) => `${location} ${words}`]
const contended: Fault = [
  'STORE_LOCKED',
  (location) => `Another session held what the call needs on ${location}. The usual cause is a transaction left open; the call may be repeated.`,
]
const changedByHand: Fault = [
  'STORE_CORRUPT',
  (location) =>
    `The tables of Kerja on ${location} are not as Kerja made them: something is missing or was changed. Restore it, or point Kerja at a new schema and run \`kerja migrate\`.`,
]
const denied: Fault = [
  'STORE_DENIED',
  (location) =>
    `The database user lacks a right on ${location}. Grant what docs/postgres.md lists, or run \`kerja migrate\` once as the owner of the schema.`,
]
const refused = unavailable('refused to log this user in. Check the user name, the password and pg_hba.conf.')

const unfit: Fault = [
  'VALUE_REFUSED',
  (location) => `${location} refused a value of this call: it is out of range, too large for an index, or breaks a rule that was added to a table.`,
]

/** By SQLSTATE, else by its class (its first two characters). */
const FAULTS: Readonly<Record<string, Fault>> = Object.freeze({
  '08': unavailable('broke the connection off. Kerja connects again by itself.'),
  '22': unfit,
  '23': unfit,
  '25006': unavailable('is read-only now, as after a fail-over. Kerja connects again; point the URL at the node that can write.'),
  '28': refused,
  '3D000': unavailable('has no database of this name. Create it, or correct the URL.'),
  '3F000': changedByHand,
  '40001': contended,
  '40P01': contended,
  '42501': denied,
  '42': changedByHand,
  '53100': ['STORE_FULL', (location) => `The disk of ${location} is full. Free space: nothing stored was lost, and Kerja goes on by itself.`],
  '53300': unavailable('has no connection left. Raise max_connections, or lower `connections` of this backend.'),
  '53': unavailable('lacks memory or another resource.'),
  '54': unfit,
  '55P03': contended,
  '57014': unavailable('did not finish the call in time, or somebody cancelled it.'),
  '57': unavailable('is shutting down, starting up or ended this session. Kerja connects again by itself.'),
  '58': unavailable('met a fault of its operating system. Check the server’s log.'),
  XX001: ['STORE_CORRUPT', (location) => `${location} reports damaged data. Stop writing and restore from a backup.`],
  XX002: ['STORE_CORRUPT', (location) => `${location} reports a damaged index. Run REINDEX, and check the disk.`],
})

const UNREACHABLE = unavailable('cannot be reached. Check the URL, the network, and that the server runs; Kerja tries again by itself.')
const UNKNOWN = unavailable('could not do the call.')

/** The coded error for a failed call. Kerja's own errors pass through. */
export function faultOf(error: unknown, location: string): KerjaError {
  if (isKerjaError(error)) return error
  const sqlstate = sqlstateOf(error)
  const [code, words] = sqlstate === null ? UNREACHABLE : (FAULTS[sqlstate] ?? FAULTS[sqlstate.slice(0, 2)] ?? UNKNOWN)
  return new KerjaError(code, `${words(location)} (${wordsOf(error)}${sqlstate === null ? '' : `, SQLSTATE ${sqlstate}`})`, {
    cause: error,
    details: { location, sqlstate },
  })
}

/** A refused connection of a name with several addresses is an AggregateError without words of its own. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

export const closedError = (location: string): KerjaError =>
  new KerjaError('BACKEND_CLOSED', `The postgres backend of ${location} was closed. Make a new one with postgres(…).`)
