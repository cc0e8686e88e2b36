/** What `rabbitmqTransport(…)` can be told, checked once and made complete. */
import { type Duration, parseDuration } from '../../core/duration.js'
import { checkInteger } from '../../core/names.js'
import { rejectUnknown } from '../../core/suggest.js'
import { KerjaError, quote } from '../../errors.js'

/** Where it says what an operator should know: that the broker takes no messages for now. Any logger with `info` and `warn`. */
export interface Notices {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export interface RabbitmqTransportOptions {
  /** `amqp://user:password@host:5672/vhost`, or `amqps:`. No virtual host, or an empty one, is `/`. */
  readonly url: string
  /** Which Kerja of the virtual host: part of every queue's name. 1 to 32 of `A-Z a-z 0-9 _ -`. @default 'main' */
  readonly prefix?: string
  /** Messages that the broker hands out ahead, for each queue and priority. From 1 to 2,000 (what RabbitMQ recommends at most for quorum queues). @default 300 */
  readonly prefetch?: number
  /** How long the broker may take for one call. From 1s to 10m. @default 10s */
  readonly callTimeout?: Duration
  /** Passed to TLS as it is, such as `{ ca }`. @default the system's */
  readonly tls?: Readonly<Record<string, unknown>>
  /** @default none; the lines go nowhere */
  readonly logger?: Notices
}

export interface TransportConfig {
  readonly server: {
    readonly protocol: 'amqp' | 'amqps'
    readonly hostname: string
    readonly port: number
    readonly username: string
    readonly password: string
    readonly vhost: string
  }
  readonly prefix: string
  readonly prefetch: number
  readonly callTimeoutMs: number
  readonly tls: Readonly<Record<string, unknown>>
  readonly logger: Notices
  /** `amqp://host:port/vhost`, with no secrets: for messages. */
  readonly location: string
}

export const RABBITMQ_DEFAULTS = Object.freeze({ prefix: 'main', prefetch: 300, callTimeoutMs: 10_000 } as const)
const PREFETCH_MAX = 2_000
const CALL_TIMEOUT_MS_MIN = 1_000
const CALL_TIMEOUT_MS_MAX = 600_000
/** No dot: it parts the names of queues, and `a` with `b.c` must not be `a.b` with `c`. */
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/
const PORTS = Object.freeze({ amqp: 5672, amqps: 5671 } as const)
const KNOWN_OPTIONS: readonly (keyof RabbitmqTransportOptions)[] = ['url', 'prefix', 'prefetch', 'callTimeout', 'tls', 'logger']
const SILENT: Notices = Object.freeze({ info: () => undefined, warn: () => undefined })

const invalid = (option: string, shown: string, remedy: string): KerjaError =>
  new KerjaError('OPTION_INVALID', `rabbitmq: ${option} is ${shown}. ${remedy}`, { details: { option } })

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveOptions(options: RabbitmqTransportOptions): TransportConfig {
  rejectUnknown(options, KNOWN_OPTIONS, 'rabbitmq()')
  const { url, prefix, prefetch = RABBITMQ_DEFAULTS.prefetch, callTimeout = RABBITMQ_DEFAULTS.callTimeoutMs, tls = {}, logger = SILENT } = options
  const server = parseServer(url)
  if (typeof tls !== 'object' || tls === null) throw invalid('tls', quote(tls), 'Use an object of TLS options, such as { ca }.')
  const callTimeoutMs = parseDuration(callTimeout, 'callTimeout', { maxMs: CALL_TIMEOUT_MS_MAX })
  if (callTimeoutMs < CALL_TIMEOUT_MS_MIN) throw invalid('callTimeout', quote(callTimeout), `Use ${CALL_TIMEOUT_MS_MIN} ms or more.`)
  return {
    server,
    prefix: checkPrefix(prefix),
    prefetch: checkInteger(prefetch, 'prefetch', { min: 1, max: PREFETCH_MAX }),
    callTimeoutMs,
    tls,
    logger,
    location: `${server.protocol}://${server.hostname}:${server.port}/${encodeURIComponent(server.vhost)}`,
  }
}

/** @throws {OPTION_INVALID} */
export function checkPrefix(prefix: unknown = RABBITMQ_DEFAULTS.prefix): string {
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return prefix
  throw invalid('prefix', quote(prefix), 'Use 1 to 32 characters of A-Z a-z 0-9 _ -.')
}

function parseServer(url: unknown): TransportConfig['server'] {
  const example = 'Give one like amqp://user:password@host:5672/vhost; characters like @ : / # in a password are written as %40 %3A %2F %23.'
  // The value may hold a password, so it is not shown.
  if (typeof url !== 'string' || !/^amqps?:\/\//i.test(url) || !URL.canParse(url))
    throw invalid('url', typeof url === 'string' ? '(not an AMQP URL)' : quote(url), example)
  const { protocol, hostname, port, username, password, pathname, search } = new URL(url)
  // Silently dropping what is asked for would be worse than a refusal.
  if (search !== '') throw invalid('url', 'a URL with a query', 'Pass these as options.')
  const scheme = protocol.slice(0, -1).toLowerCase() as 'amqp' | 'amqps'
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw invalid('url', '(not an AMQP URL)', example)
    }
  }
  return {
    protocol: scheme,
    // Brackets are the URL's, not the address's.
    hostname: hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: port === '' ? PORTS[scheme] : Number(port),
    // The broker's own defaults, which it lets in from the same machine only.
    username: username === '' ? 'guest' : decode(username),
    password: username === '' ? 'guest' : decode(password),
    vhost: decode(pathname.slice(1)) || '/',
  }
}
