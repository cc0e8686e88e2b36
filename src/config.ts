/** What Kerja itself can be told, checked once: by `new Kerja(…)` and by the configuration file that the command line reads. */
import { resolve } from 'node:path'
import { checkBackendUrl } from './backend-url.js'
import type { Backend } from './contract/backend.js'
import { type Duration, parseDuration } from './core/duration.js'
import { DEFAULTS } from './core/options.js'
import { rejectUnknown } from './core/suggest.js'
import { KerjaError, quote } from './errors.js'
import { containLogger, createLogger, LOG_LEVELS, type Logger, type LogLevel } from './observe/logger.js'

export interface KerjaOptions {
  /**
   * Where jobs are kept: `'sqlite:jobs.db'` (relative to the working directory), `'postgres://…'`, `'memory:'`, or where they wait: `'amqp://…'` and
   * `'sqs://…'`, with a `state` or without; or a backend made by `sqlite(…)`, `postgres(…)`, `rabbitmq(…)`, `sqs(…)` or `memory(…)`.
   * @default the environment's KERJA_URL, else `kerja.db` beside the nearest package.json (an error with NODE_ENV=production)
   */
  readonly backend?: string | Backend
  /**
   * The SQL store of a backend that is a broker: `'postgres://…'`, `'sqlite:jobs.db'`, or such a backend. Jobs are there from their claim on, and
   * those that are not plain from the beginning.
   * @default the environment's KERJA_STATE_URL
   */
  readonly state?: string | Backend
  /** How long `enqueue` waits for the backend's confirmation, from 1 ms to 24 h; then it throws ENQUEUE_TIMEOUT. @default '3s' */
  readonly enqueueTimeout?: Duration
  /**
   * Where jobs are kept while the backend is away, on a disk of this machine. What `enqueue` could not store there within `enqueueTimeout` goes to
   * this folder, synced, and to the backend as soon as it answers. Without it `enqueue` throws.
   * @default none
   */
  readonly spool?: SpoolOptions
  /**
   * A logger with debug, info, warn and error (pino's, the console), or the least level written as JSON lines to stderr. When a logger throws,
   * its line goes to stderr.
   * @default 'info'
   */
  readonly logger?: Logger | LogLevel
}

/** The local spool. */
export interface SpoolOptions {
  /**
   * A folder, made when it is missing. Give an absolute path: a relative one is relative to the working directory for `new Kerja(…)`, and to the
   * configuration file for `kerja spool` and `kerja status`. Several processes of one machine may share it when they share the backend.
   */
  readonly path: string
  /** What all files in it may take, in bytes, from 1048576 (1 MiB). More is refused with SPOOL_FULL. @default 1073741824 (1 GiB) */
  readonly maxBytes?: number
  /** `'always'`: every job goes to the spool first, so that `enqueue` waits for the local disk only. @default 'outage' */
  readonly mode?: 'outage' | 'always'
  /** A disk in memory will do, from which jobs are gone with the power. @default false */
  readonly ephemeral?: boolean
}

/**
 * A configuration file's content: `export default defineConfig({ … })` in `kerja.config.ts`. `new Kerja(config)` takes it too. KERJA_URL
 * overrides its backend; what code itself gives to `new Kerja({ backend })`, it does not.
 */
export interface KerjaConfig extends KerjaOptions {
  /** The file that makes the worker, relative to the configuration file: for `kerja worker` and `kerja dev`. */
  readonly worker?: string
}

export interface ResolvedKerjaOptions {
  /** null: to be found in the environment at first use. */
  readonly backend: string | Backend | null
  /** null: to be found in the environment where the backend is a broker. */
  readonly state: string | Backend | null
  /** Where KERJA_URL or KERJA_STATE_URL is set, it is taken instead: these are a configuration file's. */
  readonly environmentFirst: boolean
  readonly enqueueTimeoutMs: number
  readonly logger: Logger
  readonly spool: ResolvedSpoolOptions | null
}

export interface ResolvedSpoolOptions {
  /** Absolute. */
  readonly path: string
  readonly maxBytes: number
  readonly mode: 'outage' | 'always'
  readonly ephemeral: boolean
}

/**
 * Gives its argument back, checked and typed.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {BACKEND_UNKNOWN}
 * @example export default defineConfig({ backend: 'sqlite:jobs.db', worker: './worker.ts' })
 */
export function defineConfig(config: KerjaConfig): KerjaConfig {
  resolveKerjaOptions(config, 'defineConfig()')
  return Object.freeze(Object.defineProperty({ ...config }, FROM_FILE, { value: true }))
}

/** Marks what came through `defineConfig`: a file's settings, which the environment overrides; what code says itself, it does not. */
const FROM_FILE: unique symbol = Symbol.for('kerja.config')

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} {BACKEND_UNKNOWN} */
export function resolveKerjaOptions(config: KerjaConfig, where: string): ResolvedKerjaOptions {
  rejectUnknown(config, ['backend', 'state', 'enqueueTimeout', 'logger', 'spool', 'worker'], where)
  if (config.worker !== undefined && (typeof config.worker !== 'string' || config.worker === '')) {
    throw new KerjaError('OPTION_INVALID', `worker must be the path of a file; got ${quote(config.worker)}.`, { details: { option: 'worker' } })
  }
  const { enqueueTimeout = DEFAULTS.enqueue.timeoutMs, logger = 'info' } = config
  const range = { minMs: 1, maxMs: DEFAULTS.enqueue.timeoutMaxMs }
  return {
    backend: config.backend === undefined ? null : checkBackend(config.backend, 'backend'),
    state: config.state === undefined ? null : checkBackend(config.state, 'state'),
    environmentFirst: FROM_FILE in config,
    enqueueTimeoutMs: parseDuration(enqueueTimeout, 'enqueueTimeout', range),
    logger: checkLogger(logger),
    spool: config.spool === undefined ? null : resolveSpool(config.spool),
  }
}

function resolveSpool(spool: SpoolOptions): ResolvedSpoolOptions {
  if (typeof spool !== 'object' || spool === null) throw invalid('spool', "an object such as { path: '/var/lib/app/spool' }", spool)
  rejectUnknown(spool, ['path', 'maxBytes', 'mode', 'ephemeral'], 'spool')
  const { path, maxBytes = DEFAULTS.spool.bytesMax, mode = DEFAULTS.spool.mode, ephemeral = false } = spool
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw invalid('spool.path', 'the path of a folder', path)
  if (!Number.isSafeInteger(maxBytes) || maxBytes < DEFAULTS.spool.bytesMaxMin)
    throw invalid('spool.maxBytes', `a whole number from ${DEFAULTS.spool.bytesMaxMin} (1 MiB)`, maxBytes)
  if (mode !== 'outage' && mode !== 'always') throw invalid('spool.mode', "'outage' or 'always'", mode)
  if (typeof ephemeral !== 'boolean') throw invalid('spool.ephemeral', 'true or false', ephemeral)
  return { path: resolve(path), maxBytes, mode, ephemeral }
}

const invalid = (option: string, rule: string, value: unknown): KerjaError =>
  new KerjaError('OPTION_INVALID', `${option} must be ${rule}; got ${quote(value)}.`, { details: { option } })

function checkBackend(backend: string | Backend, option: 'backend' | 'state'): string | Backend {
  if (typeof backend === 'string') {
    checkBackendUrl(backend)
    return backend
  }
  if (typeof backend === 'object' && backend !== null && typeof backend.open === 'function' && typeof backend.queue === 'object') return backend
  throw new KerjaError(
    'OPTION_INVALID',
    `${option} must be a URL such as 'sqlite:jobs.db' or a backend made by sqlite(…) or postgres(…); got ${quote(backend)}.`,
    {
      details: { option },
    },
  )
}

function checkLogger(logger: Logger | LogLevel): Logger {
  if (typeof logger === 'string' && LOG_LEVELS.includes(logger)) return createLogger(logger)
  if (
    typeof logger === 'object' &&
    logger !== null &&
    (['debug', 'info', 'warn', 'error'] as const).every((level) => typeof logger[level] === 'function')
  ) {
    return containLogger(logger)
  }
  throw new KerjaError(
    'OPTION_INVALID',
    `logger must have debug, info, warn and error, or be one of ${LOG_LEVELS.join(', ')}; got ${quote(logger)}.`,
    {
      details: { option: 'logger' },
    },
  )
}
