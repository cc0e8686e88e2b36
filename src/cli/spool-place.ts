/** Which spool a command is about, and what is in it. */
import { dirname, resolve } from 'node:path'
import { DEFAULTS } from '../core/options.js'
import { type FolderContent, inspectFile, inspectFolder, kindOf, type SpoolSummary, summaryOf } from '../spool/inspect.js'
import type { Cli } from './cli.js'
import { CliError } from './exit.js'

export interface SpoolPlace {
  readonly path: string
  readonly kind: 'folder' | 'file'
}

/** Relative to the configuration file, which wrote it; null when there is none. */
async function configuredPath({ config }: Cli): Promise<string | null> {
  const loaded = await config()
  const path = loaded?.config.spool?.path
  return loaded === null || path === undefined ? null : resolve(dirname(loaded.file), path)
}

/** @throws {USAGE} {SPOOL_NOT_FOUND} {CONFIG_INVALID} */
export async function placeOf(cli: Cli, given: string | undefined): Promise<SpoolPlace> {
  const path = given === undefined ? await configuredPath(cli) : resolve(cli.cwd, given)
  if (path === null) throw new CliError('USAGE', 'No spool is named: give its folder, or set spool.path in kerja.config.')
  const kind = await kindOf(path)
  if (kind === null) throw new CliError('SPOOL_NOT_FOUND', `${path} does not exist, so nothing is spooled there. Check the path.`)
  return { path, kind }
}

export const lookAt = async ({ path, kind }: SpoolPlace): Promise<FolderContent> =>
  kind === 'file' ? { files: [await inspectFile(path)], aside: [] } : inspectFolder(path, { now: Date.now(), staleMs: DEFAULTS.spool.staleMs })

/** The spool of the configuration, when there is one and anything was ever spooled. */
export async function configuredSpool(cli: Cli): Promise<(SpoolSummary & { readonly path: string }) | null> {
  const path = await configuredPath(cli)
  const kind = path === null ? null : await kindOf(path)
  return path !== null && kind === 'folder' ? { path, ...summaryOf(await lookAt({ path, kind }), Date.now()) } : null
}
