/** What `sqsTransport(…)` can be told, checked once and made complete. */
import type { SQSClientConfig } from '@aws-sdk/client-sqs'
import { type Duration, parseDuration } from '../../core/duration.js'
import { rejectUnknown } from '../../core/suggest.js'
import { KerjaError, quote } from '../../errors.js'
import { LIMITS } from './limits.js'

/** Where the transport says what an operator should know: that a queue keeps messages for too short a time. Any logger with `warn`. */
export interface Notices {
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export interface SqsOptions {
  /** Such as `eu-west-1`. Default: what the AWS SDK finds (`AWS_REGION`, the shared configuration files). */
  readonly region?: string
  /** What names of queues begin with: 1 to 40 letters, digits and `_`. Default `kerja`. */
  readonly prefix?: string
  /** Of an emulator or a VPC endpoint, such as `http://127.0.0.1:4566`. Default: the region's, or what the AWS SDK finds. */
  readonly endpoint?: string
  /** As the AWS SDK takes them: an identity, or a provider of one. Default: its chain (environment, files, container, instance). */
  readonly credentials?: SQSClientConfig['credentials']
  /** Whether queues that are missing are created. False: somebody else creates them. Default true. */
  readonly create?: boolean
  /** FIFO queues: jobs of one group in order, duplicates within five minutes merged by SQS; slower. The same for all processes. Default false. */
  readonly fifo?: boolean
  /** How long a message of a process that died stays hidden from others. From 5s to 12h. Default 30s. */
  readonly visibilityTimeout?: Duration
  /** How long a call goes on trying before it gives up. From 1s to 10m. Default 10s. */
  readonly callTimeout?: Duration
  /** Default: none; the lines go nowhere. */
  readonly logger?: Notices
}

export interface SqsConfig {
  readonly region: string | undefined
  readonly prefix: string
  readonly endpoint: string | undefined
  readonly credentials: SQSClientConfig['credentials'] | undefined
  readonly create: boolean
  readonly fifo: boolean
  readonly visibilityMs: number
  readonly callTimeoutMs: number
  readonly logger: Notices | undefined
}

export const SQS_DEFAULTS = Object.freeze({ prefix: 'kerja', create: true, fifo: false, visibilityMs: 30_000, callTimeoutMs: 10_000 } as const)
const PREFIX = /^[A-Za-z0-9_]{1,40}$/
const REGION = /^[a-z0-9-]{1,40}$/
const VISIBILITY_MS_MIN = 5_000
const CALL_TIMEOUT_MS_MIN = 1_000
const CALL_TIMEOUT_MS_MAX = 600_000

const KNOWN_OPTIONS: readonly (keyof SqsOptions)[] = [
  'region',
  'prefix',
  'endpoint',
  'credentials',
  'create',
  'fifo',
  'visibilityTimeout',
  'callTimeout',
  'logger',
]

const invalid = (option: string, value: unknown, remedy: string): KerjaError =>
  new KerjaError('OPTION_INVALID', `sqs: ${option} is ${quote(value)}. ${remedy}`, { details: { option } })

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveOptions(options: SqsOptions = {}): SqsConfig {
  rejectUnknown(options, KNOWN_OPTIONS, 'sqsTransport()')
  const { region, endpoint, credentials, logger, prefix = SQS_DEFAULTS.prefix, create = SQS_DEFAULTS.create, fifo = SQS_DEFAULTS.fifo } = options
  const { visibilityTimeout = SQS_DEFAULTS.visibilityMs, callTimeout = SQS_DEFAULTS.callTimeoutMs } = options
  if (region !== undefined && (typeof region !== 'string' || !REGION.test(region))) throw invalid('region', region, 'Use one such as eu-west-1.')
  if (typeof prefix !== 'string' || !PREFIX.test(prefix))
    throw invalid('prefix', prefix, 'Use 1 to 40 letters, digits and _. There is no - in it, since that ends the prefix in the names of queues.')
  if (endpoint !== undefined && (typeof endpoint !== 'string' || !/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)))
    // It may hold a password, so it is not shown.
    throw invalid('endpoint', typeof endpoint === 'string' ? '(not a URL)' : endpoint, 'Use a URL such as http://127.0.0.1:4566.')
  // It holds a secret, so it is not shown.
  if (credentials !== undefined && typeof credentials !== 'function' && (typeof credentials !== 'object' || credentials === null))
    throw invalid('credentials', typeof credentials, 'Use { accessKeyId, secretAccessKey } or a provider of the AWS SDK.')
  if (typeof create !== 'boolean') throw invalid('create', create, 'Use true or false.')
  if (typeof fifo !== 'boolean') throw invalid('fifo', fifo, 'Use true or false.')
  if (logger !== undefined && typeof logger?.warn !== 'function') throw invalid('logger', typeof logger, 'Use an object with a function `warn`.')
  const visibilityMs = parseDuration(visibilityTimeout, 'visibilityTimeout', { minMs: VISIBILITY_MS_MIN, maxMs: LIMITS.visibilityMsMax })
  const callTimeoutMs = parseDuration(callTimeout, 'callTimeout', { minMs: CALL_TIMEOUT_MS_MIN, maxMs: CALL_TIMEOUT_MS_MAX })
  return { region, prefix, endpoint, credentials, create, fifo, visibilityMs, callTimeoutMs, logger }
}
