/** Which backend a command talks to, and who said so: flag over environment over configuration over the default file. */
import { basename, dirname, join, resolve } from 'node:path'
import type { KerjaOptions } from '../index.js'
import type { LoadedConfig } from './config.js'
import { projectRoot } from './project.js'

export interface Target {
  /** For `new Kerja(…)`; without a backend Kerja takes its default. */
  readonly options: KerjaOptions
  /** `--backend`, `KERJA_URL`, the configuration file's name, or `default`. */
  readonly source: string
  /** Where it points, secrets masked: for messages. */
  readonly location: string
  /** The file of a SQLite store, absolute; null for every other backend. */
  readonly file: string | null
}

export interface TargetRequest {
  readonly cwd: string
  readonly flag: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly loaded: LoadedConfig | null
}

const DEFAULT_FILE = 'kerja.db'
const SQLITE_URL = /^sqlite:(?:\/\/)?([^?]*)(.*)$/is

export function resolveTarget({ cwd, flag, env, loaded }: TargetRequest): Target {
  const { worker: _worker, backend: configured, ...rest } = loaded?.config ?? {}
  if (flag !== undefined) return named(rest, '--backend', flag, cwd)
  if (env.KERJA_URL !== undefined && env.KERJA_URL !== '') return named(rest, 'KERJA_URL', env.KERJA_URL, cwd)
  if (loaded !== null && configured !== undefined) return named(rest, basename(loaded.file), configured, dirname(loaded.file))
  // Kerja refuses to choose a file by itself there, with its own error at the first use.
  if (env.NODE_ENV === 'production') return { options: rest, source: 'default', location: 'none', file: null }
  const file = join(projectRoot(cwd), DEFAULT_FILE)
  return { options: rest, source: 'default', location: `sqlite:${file}`, file }
}

/** A relative path is relative to whoever wrote it: the folder of the configuration, or the working directory. */
function named(options: KerjaOptions, source: string, backend: NonNullable<KerjaOptions['backend']>, folder: string): Target {
  if (typeof backend !== 'string') return { options: { ...options, backend }, source, location: backend.location, file: null }
  const [, path, query] = SQLITE_URL.exec(backend) ?? []
  // What names no file is left as it is: Kerja refuses it in its own words.
  if (path === undefined || path === '' || path.startsWith(':'))
    return { options: { ...options, backend }, source, location: maskUrl(backend), file: null }
  const file = resolve(folder, path)
  return { options: { ...options, backend: `sqlite:${file}${query}` }, source, location: `sqlite:${file}${query}`, file }
}

/** Without what may be secret: user name, password and the values of the query. */
const maskUrl = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//***@').replace(/=[^&#]*/g, '=***')
