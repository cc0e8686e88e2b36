/** Which backend a command talks to, and who said so: flag over environment over configuration over the default file. */
import { basename } from 'node:path'
import type { KerjaOptions } from '../index.js'
import type { LoadedConfig } from './config.js'

export interface Target {
  /** For `new Kerja(…)`; without a backend Kerja takes its default. */
  readonly options: KerjaOptions
  /** `--backend`, `KERJA_URL`, the configuration file's name, or `default`. */
  readonly source: string
}

export function resolveTarget(given: { readonly flag: string | undefined; readonly env: NodeJS.ProcessEnv; readonly loaded: LoadedConfig | null }): Target {
  const { flag, env, loaded } = given
  const { worker: _worker, backend: configured, ...rest } = loaded?.config ?? {}
  if (flag !== undefined) return { options: { ...rest, backend: flag }, source: '--backend' }
  if (env.KERJA_URL !== undefined && env.KERJA_URL !== '') return { options: { ...rest, backend: env.KERJA_URL }, source: 'KERJA_URL' }
  if (loaded !== null && configured !== undefined) return { options: { ...rest, backend: configured }, source: basename(loaded.file) }
  return { options: rest, source: 'default' }
}
