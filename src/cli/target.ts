/** Which backend a command talks to, and who said so: flag over environment over configuration over the default file. */
import { basename, dirname } from 'node:path'
import { isBroker, maskUrl, parseBackendUrl, parseStateUrl } from '../backend-url.js'
import type { KerjaOptions } from '../index.js'
import { defaultFile } from '../open-backend.js'
import type { LoadedConfig } from './config.js'

export interface Target {
  /** For `new Kerja(…)`; without a backend Kerja takes its default. */
  readonly options: KerjaOptions
  /** `--backend`, `KERJA_URL`, the configuration file's name, or `default`. */
  readonly source: string
  /** Where it points: for messages. */
  readonly location: string
  /** The file of a SQLite store, absolute, that is the backend or its state; null for every other. */
  readonly file: string | null
  /** What its URL sets, by the names of `sqlite({ … })` or `postgres({ … })`. */
  readonly settings: Readonly<Record<string, unknown>>
}

export interface TargetRequest {
  readonly cwd: string
  readonly flag: string | undefined
  readonly stateFlag: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly loaded: LoadedConfig | null
}

/** @throws {BACKEND_UNKNOWN} {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveTarget(request: TargetRequest): Target {
  const { cwd, flag, env, loaded } = request
  const state = stateFor(request)
  if (flag !== undefined) return named(request, '--backend', flag, { folder: cwd, state })
  if (env.KERJA_URL !== undefined && env.KERJA_URL !== '') return named(request, 'KERJA_URL', env.KERJA_URL, { folder: cwd, state })
  const configured = loaded?.config.backend
  if (loaded !== null && configured !== undefined) return named(request, basename(loaded.file), configured, { folder: dirname(loaded.file), state })
  const options = othersOf(request)
  // Kerja refuses to choose a file by itself there, with its own error at the first use.
  if (env.NODE_ENV === 'production') return { options, source: 'default', location: 'none', file: null, settings: {} }
  const file = defaultFile(cwd)
  return { options, source: 'default', location: `sqlite:${file}`, file, settings: {} }
}

/** Commands are short: none spools, nor adopts what others have spooled. */
function othersOf({ loaded }: TargetRequest): KerjaOptions {
  const { worker: _worker, spool: _spool, backend: _backend, state: _state, ...rest } = loaded?.config ?? {}
  return rest
}

/** A URL comes back with its path absolute: a relative one is relative to whoever wrote it. */
function stateFor({ cwd, stateFlag, env, loaded }: TargetRequest): KerjaOptions['state'] {
  const said = stateFlag ?? (env.KERJA_STATE_URL || undefined)
  if (said !== undefined) return parseStateUrl(said, cwd).key
  const configured = loaded?.config.state
  return typeof configured === 'string' && loaded !== null ? parseStateUrl(configured, dirname(loaded.file)).key : configured
}

interface Surroundings {
  readonly folder: string
  readonly state: KerjaOptions['state']
}

function named(request: TargetRequest, source: string, backend: NonNullable<KerjaOptions['backend']>, { folder, state }: Surroundings): Target {
  const options = othersOf(request)
  if (typeof backend !== 'string') return { options: { ...options, backend }, source, location: backend.location, file: null, settings: {} }
  const address = parseBackendUrl(backend, folder)
  if (!isBroker(address)) return { options: { ...options, backend: address.key }, source, location: locationOf(address.key), ...storeOf(address.key) }
  const location = `${maskUrl(address.key)} with ${state === undefined ? 'no state' : `the state ${typeof state === 'string' ? locationOf(state) : state.location}`}`
  const store = typeof state === 'string' ? storeOf(state) : { file: null, settings: {} }
  return { options: { ...options, backend: address.key, ...(state === undefined ? {} : { state }) }, source, location, ...store }
}

/** A path is no secret, nor is what stands in the query of its URL. */
const locationOf = (url: string): string => (/^(sqlite|memory):/.test(url) ? url : maskUrl(url))

function storeOf(url: string): Pick<Target, 'file' | 'settings'> {
  const address = parseBackendUrl(url, '/')
  if (address.scheme === 'sqlite') {
    const { path, ...settings } = address.options
    return { file: path, settings }
  }
  if (address.scheme !== 'postgres') return { file: null, settings: {} }
  const { url: _url, ...settings } = address.options
  return { file: null, settings }
}
