/** Backend URLs: which backend one names, and with what options. Secrets in them never reach a message. */
import { resolve } from 'node:path'
import { rejectUnknown } from './core/suggest.js'
import { KerjaError, quote } from './errors.js'

/** What a URL says, ready to be loaded. `key` is a URL itself, the same for URLs that mean the same store. */
export type BackendAddress =
  | { readonly scheme: 'memory'; readonly key: string }
  | { readonly scheme: 'sqlite'; readonly key: string; readonly options: Readonly<Record<string, unknown>> & { readonly path: string } }
  | { readonly scheme: 'postgres'; readonly key: string; readonly options: Readonly<Record<string, unknown>> & { readonly url: string } }
  | BrokerAddress

/** One that may have a state. */
export type BrokerAddress =
  | { readonly scheme: 'rabbitmq'; readonly key: string; readonly options: Readonly<Record<string, unknown>> & { readonly url: string } }
  | { readonly scheme: 'sqs'; readonly key: string; readonly options: Readonly<Record<string, unknown>> }

export type StateAddress = Extract<BackendAddress, { readonly scheme: 'sqlite' | 'postgres' }>

export const isBroker = (address: BackendAddress): address is BrokerAddress => address.scheme === 'rabbitmq' || address.scheme === 'sqs'

const SCHEMES: Readonly<Record<string, BackendAddress['scheme']>> = Object.freeze({
  memory: 'memory',
  sqlite: 'sqlite',
  postgres: 'postgres',
  postgresql: 'postgres',
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  sqs: 'sqs',
})
// Known by name, so that the message can say more than «unknown».
const NOT_YET = ['redis', 'rediss', 'mysql', 'mongodb']
const SQLITE_QUERY = ['synchronous', 'driver', 'lockTimeout', 'allowUnsafeSqlite', 'allowNetworkFilesystem']
/** Kerja's own; taken out before the URL goes to the client library. */
const POSTGRES_QUERY = ['schema', 'connections', 'listen', 'callTimeout']
/** What the client library understands. */
const LIBPQ_QUERY = ['host', 'port', 'user', 'password', 'dbname', 'ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'uselibpqcompat']
const LIBPQ_SESSION_QUERY = ['application_name', 'fallback_application_name', 'client_encoding', 'options', 'keepalives']
const RABBITMQ_QUERY = ['prefix', 'prefetch', 'callTimeout', 'deliveryTimeout']
const SQS_QUERY = ['endpoint', 'create', 'fifo', 'visibilityTimeout', 'callTimeout']
/** Their values are texts, also where they look like numbers. */
const TEXTS = ['schema', 'prefix', 'endpoint']
const EXAMPLES =
  "Use 'sqlite:jobs.db' (a file), 'postgres://user:password@host/database', 'amqp://user:password@host/vhost', 'sqs://region/prefix' or 'memory:' (this process only)."

/** `folder` is what relative paths are relative to. @throws {BACKEND_UNKNOWN} {OPTION_UNKNOWN} {OPTION_INVALID} */
export function parseBackendUrl(url: string, folder: string): BackendAddress {
  const scheme = checkBackendUrl(url)
  const rest = url.slice(scheme.length + 1)
  if (scheme === 'memory') return { scheme, key: `memory:${rest}` }
  if (scheme === 'postgres') return parsePostgresUrl(url)
  if (scheme === 'rabbitmq') return parseRabbitmqUrl(url)
  if (scheme === 'sqs') return parseSqsUrl(url)
  const [location = '', query = ''] = rest.split('?', 2)
  // `sqlite:///abs` and `sqlite://rel` as others write them.
  const given = location.startsWith('//') ? location.slice(2) : location
  if (given === '' || given.startsWith(':')) {
    throw new KerjaError('OPTION_INVALID', `The backend URL ${quote(maskUrl(url))} names no file. ${EXAMPLES}`, { details: { option: 'backend' } })
  }
  const path = resolve(folder, given)
  return {
    scheme,
    key: `sqlite:${path}${query === '' ? '' : `?${query}`}`,
    options: { path, ...parseQuery(new URLSearchParams(query), SQLITE_QUERY, 'the sqlite: URL') },
  }
}

const STATES = "such as 'postgres://user:password@host/database', or 'sqlite:jobs.db' where one machine runs everything"

/** The state of a broker. @throws {OPTION_INVALID} {OPTION_UNKNOWN} {BACKEND_UNKNOWN} */
export function parseStateUrl(url: string, folder: string): StateAddress {
  const address = parseBackendUrl(url, folder)
  if (address.scheme === 'sqlite' || address.scheme === 'postgres') return address
  throw new KerjaError('OPTION_INVALID', `The state must be a SQL store, ${STATES}; got ${quote(maskUrl(url))}.`, { details: { option: 'state' } })
}

/** The scheme, when it is one that can be opened. @throws {BACKEND_UNKNOWN} */
export function checkBackendUrl(url: string): BackendAddress['scheme'] {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  const known = scheme === undefined || !Object.hasOwn(SCHEMES, scheme) ? undefined : SCHEMES[scheme]
  if (known !== undefined) return known
  const shown = quote(maskUrl(url))
  if (scheme !== undefined && NOT_YET.includes(scheme)) {
    throw new KerjaError('BACKEND_UNKNOWN', `The backend ${shown} is of a kind this version of Kerja has no backend for. ${EXAMPLES}`, {
      details: { scheme },
    })
  }
  const hint = scheme === undefined || scheme.length === 1 ? ` Did you mean ${quote(`sqlite:${maskUrl(url)}`)}?` : ''
  throw new KerjaError('BACKEND_UNKNOWN', `The backend ${shown} has no scheme that Kerja knows.${hint} ${EXAMPLES}`, {
    details: { scheme: scheme ?? null },
  })
}

/** The URL without what may be secret: user name, password and the values of its query. */
export function maskUrl(url: string): string {
  // To the last @: a password may hold characters that should have been written otherwise, and is no less secret for it.
  return url.replace(/\/\/.*@/s, '//***@').replace(/=[^&#]*/g, '=***')
}

function readUrl(url: string): URL {
  if (URL.canParse(url)) return new URL(url)
  const remedy = 'Characters like @ : / # in a password must be written as %40 %3A %2F %23.'
  throw new KerjaError('OPTION_INVALID', `The backend URL ${quote(maskUrl(url))} cannot be read. ${remedy}`, { details: { option: 'backend' } })
}

/** The query is all Kerja's own: the client library is told the rest. */
function parseRabbitmqUrl(url: string): BackendAddress {
  const parsed = readUrl(url)
  const options = parseQuery(parsed.searchParams, RABBITMQ_QUERY, 'the amqp: URL')
  parsed.searchParams.sort()
  const key = parsed.href
  parsed.search = ''
  return { scheme: 'rabbitmq', key, options: { ...options, url: parsed.href } }
}

/** `sqs://region/prefix`; either may be missing. The name of the region is in the place of a host. */
function parseSqsUrl(url: string): BackendAddress {
  const parsed = readUrl(url)
  const options = parseQuery(parsed.searchParams, SQS_QUERY, 'the sqs: URL')
  parsed.searchParams.sort()
  const [region, prefix] = [parsed.hostname, parsed.pathname.slice(1)]
  return { scheme: 'sqs', key: parsed.href, options: { ...options, ...(region === '' ? {} : { region }), ...(prefix === '' ? {} : { prefix }) } }
}

function parsePostgresUrl(url: string): BackendAddress {
  const parsed = readUrl(url)
  const own = new URLSearchParams()
  for (const [name, value] of [...parsed.searchParams]) {
    if (LIBPQ_QUERY.includes(name) || LIBPQ_SESSION_QUERY.includes(name)) continue
    own.append(name, value)
    parsed.searchParams.delete(name)
  }
  const options = parseQuery(own, POSTGRES_QUERY, 'the postgres: URL')
  parsed.protocol = 'postgres:'
  const address = parsed.href
  own.sort()
  for (const [name, value] of own) parsed.searchParams.append(name, value)
  return { scheme: 'postgres', key: parsed.href, options: { ...options, url: address } }
}

function parseQuery(query: URLSearchParams, known: readonly string[], where: string): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of query) options[name] = TEXTS.includes(name) ? value : toValue(value)
  rejectUnknown(options, known, where)
  return options
}

function toValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+$/.test(text) ? Number(text) : text
}
