/** What `postgres(…)` can be told, checked once and made complete. */
import { type StoreClock, systemClock } from '../../contract/clock.js'
import { type Duration, parseDuration } from '../../core/duration.js'
import { rejectUnknown } from '../../core/suggest.js'
import { KerjaError, quote } from '../../errors.js'

/** Where the backend says what an operator should know: that wake-ups fell back to polling. Any logger with `info` and `warn`. */
export interface Notices {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export interface PostgresOptions {
  /** `postgres://user:password@host:5432/database`, with the query parameters of libpq (`sslmode`, `sslrootcert`, `application_name`, …). */
  readonly url: string
  /** The schema of Kerja's tables, created when missing. Default `kerja`. */
  readonly schema?: string
  /** Connections of this process for work, at most; one more listens, and each worker's lease thread has its own. From 2 to 100. Default 4. */
  readonly connections?: number
  /** Whether to LISTEN for wake-ups of other processes. False: polling alone, for poolers. Default true, with a test of itself. */
  readonly listen?: boolean
  /** How long a call may take before its connection is given up as dead. From 1s to 10m. Default 10s. */
  readonly callTimeout?: Duration
  /** Passed to TLS as it is, such as `{ ca }`. Default: what the URL says. */
  readonly ssl?: boolean | Readonly<Record<string, unknown>>
  /** Default: none; the lines go nowhere. */
  readonly logger?: Notices
  /** The store's clock; tests move one by hand. Default: the database's. */
  readonly clock?: StoreClock
}

/** Everything a thread needs, as data that survives a structured clone. */
export interface StoreConfig {
  readonly url: string
  readonly schema: string
  readonly connectionCountMax: number
  readonly listen: boolean
  readonly callTimeoutMs: number
  readonly ssl: boolean | Readonly<Record<string, unknown>> | undefined
  readonly clockBuffer: SharedArrayBuffer | undefined
}

export const POSTGRES_DEFAULTS = Object.freeze({ schema: 'kerja', connections: 4, listen: true, callTimeoutMs: 10_000 } as const)
const CONNECTIONS_MAX = 100
const CALL_TIMEOUT_MS_MIN = 1_000
const CALL_TIMEOUT_MS_MAX = 600_000
/** What PostgreSQL keeps of an identifier: the rest it would cut off silently. */
const IDENTIFIER_BYTES_MAX = 63
const LONE_SURROGATE = /\p{Surrogate}/u

const KNOWN_OPTIONS: readonly (keyof PostgresOptions)[] = ['url', 'schema', 'connections', 'listen', 'callTimeout', 'ssl', 'logger', 'clock']

const invalid = (option: string, value: unknown, remedy: string): KerjaError =>
  new KerjaError('OPTION_INVALID', `postgres: ${option} is ${quote(value)}. ${remedy}`, { details: { option } })

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveOptions(given: PostgresOptions | string): StoreConfig {
  const options: PostgresOptions = typeof given === 'string' ? { url: given } : given
  rejectUnknown(options, KNOWN_OPTIONS, 'postgres()')
  const { url, schema = POSTGRES_DEFAULTS.schema, connections = POSTGRES_DEFAULTS.connections, listen = POSTGRES_DEFAULTS.listen } = options
  const { callTimeout = POSTGRES_DEFAULTS.callTimeoutMs, ssl, clock = systemClock } = options
  // The value may hold a password, so it is not shown.
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//i.test(url) || !URL.canParse(url))
    throw invalid('url', typeof url === 'string' ? '(not a URL)' : url, 'Give one like postgres://user:password@host:5432/database.')
  checkSchema(schema)
  if (!Number.isInteger(connections) || connections < 2 || connections > CONNECTIONS_MAX)
    throw invalid('connections', connections, `Use a whole number from 2 to ${CONNECTIONS_MAX}.`)
  if (typeof listen !== 'boolean') throw invalid('listen', listen, 'Use true or false.')
  if (ssl !== undefined && typeof ssl !== 'boolean' && (typeof ssl !== 'object' || ssl === null))
    throw invalid('ssl', ssl, 'Use true, false, or an object of TLS options.')
  const callTimeoutMs = parseDuration(callTimeout, 'callTimeout', { maxMs: CALL_TIMEOUT_MS_MAX })
  if (callTimeoutMs < CALL_TIMEOUT_MS_MIN) throw invalid('callTimeout', callTimeout, `Use ${CALL_TIMEOUT_MS_MIN} ms or more.`)
  return { url, schema, connectionCountMax: connections, listen, callTimeoutMs, ssl, clockBuffer: clock.buffer }
}

function checkSchema(schema: unknown): void {
  if (typeof schema !== 'string' || schema === '' || schema.includes('\0') || LONE_SURROGATE.test(schema))
    throw invalid('schema', schema, 'Use the name of a schema, such as kerja.')
  if (Buffer.byteLength(schema) > IDENTIFIER_BYTES_MAX) throw invalid('schema', schema, `PostgreSQL keeps ${IDENTIFIER_BYTES_MAX} bytes of a name.`)
  // PostgreSQL keeps names with this beginning, and its information schema, for itself.
  if (schema.startsWith('pg_') || schema === 'information_schema') throw invalid('schema', schema, 'This name is reserved by PostgreSQL.')
}

/** A name as it stands in SQL, whatever characters it has. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A text as it stands in SQL, whatever characters it has and however the server is set. */
export const quoteLiteral = (text: string): string =>
  text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

/** `host:port/database`, with no secrets: for messages. */
export function locationOf({ url, schema }: Pick<StoreConfig, 'url' | 'schema'>): string {
  const { host, pathname, searchParams } = new URL(url)
  return `postgres://${host || (searchParams.get('host') ?? 'localhost')}${pathname}${schema === POSTGRES_DEFAULTS.schema ? '' : ` (schema ${schema})`}`
}
