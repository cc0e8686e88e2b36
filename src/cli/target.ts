/** Which backend a command talks to, and who said so: flag over environment over configuration over the default file. */
import { basename, dirname } from 'node:path'
import { maskUrl, parseBackendUrl } from '../backend-url.js'
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
  /** The file of a SQLite store, absolute; null for every other backend. */
  readonly file: string | null
  /** What its URL sets, by the names of `sqlite({ … })`. */
  readonly settings: Readonly<Record<string, unknown>>
}

export interface TargetRequest {
  readonly cwd: string
  readonly flag: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly loaded: LoadedConfig | null
}

/** @throws {BACKEND_UNKNOWN} {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveTarget({ cwd, flag, env, loaded }: TargetRequest): Target {
  // Commands are short: none spools, nor adopts what others have spooled.
  const { worker: _worker, spool: _spool, backend: configured, ...rest } = loaded?.config ?? {}
  if (flag !== undefined) return named(rest, '--backend', flag, cwd)
  if (env.KERJA_URL !== undefined && env.KERJA_URL !== '') return named(rest, 'KERJA_URL', env.KERJA_URL, cwd)
  if (loaded !== null && configured !== undefined) return named(rest, basename(loaded.file), configured, dirname(loaded.file))
  // Kerja refuses to choose a file by itself there, with its own error at the first use.
  if (env.NODE_ENV === 'production') return { options: rest, source: 'default', location: 'none', file: null, settings: {} }
  const file = defaultFile(cwd)
  return { options: rest, source: 'default', location: `sqlite:${file}`, file, settings: {} }
}

/** A relative path is relative to whoever wrote it: the folder of the configuration, or the working directory. */
function named(options: KerjaOptions, source: string, backend: NonNullable<KerjaOptions['backend']>, folder: string): Target {
  if (typeof backend !== 'string') return { options: { ...options, backend }, source, location: backend.location, file: null, settings: {} }
  const address = parseBackendUrl(backend, folder)
  const target = {
    options: { ...options, backend: address.key },
    source,
    location: address.scheme === 'postgres' ? maskUrl(address.key) : address.key,
  }
  if (address.scheme === 'memory') return { ...target, file: null, settings: {} }
  if (address.scheme === 'postgres') {
    const { url: _, ...settings } = address.options
    return { ...target, file: null, settings }
  }
  const { path, ...settings } = address.options
  return { ...target, file: path, settings }
}
