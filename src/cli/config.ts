/** Finds and loads kerja.config.{ts,mts,js,mjs}: from the working directory upward, as far as the nearest package.json. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { defineConfig, isKerjaError, type KerjaConfig, KerjaError } from '../index.js'
import { importFile } from './import-file.js'

const CONFIG_NAMES = ['kerja.config.ts', 'kerja.config.mts', 'kerja.config.js', 'kerja.config.mjs'] as const

export interface LoadedConfig {
  readonly file: string
  readonly config: KerjaConfig
}

function findConfig(from: string): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const name = CONFIG_NAMES.find((candidate) => existsSync(join(folder, candidate)))
    if (name !== undefined) return join(folder, name)
    if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return null
  }
}

/** @throws {CONFIG_INVALID} */
export async function loadConfig(from: string, given: string | undefined): Promise<LoadedConfig | null> {
  const file = given === undefined ? findConfig(from) : resolve(from, given)
  if (file === null) return null
  if (!existsSync(file)) throw new KerjaError('CONFIG_INVALID', `${file} does not exist. Give --config a file, or leave it out to search for one.`)
  return { file, config: await readConfig(file) }
}

async function readConfig(file: string): Promise<KerjaConfig> {
  let exported: unknown
  try {
    exported = ((await importFile(file)) as { default?: unknown }).default
    // A file may have left defineConfig out: its content is checked all the same.
    if (typeof exported === 'object' && exported !== null) return defineConfig(exported)
  } catch (error) {
    // defineConfig itself found the fault: its words are better than ours.
    const words = isKerjaError(error) ? error.message : `${error}`
    throw new KerjaError('CONFIG_INVALID', `${file} cannot be loaded: ${words}`, { cause: error })
  }
  throw new KerjaError(
    'CONFIG_INVALID',
    `${file} has no configuration as its default export. Write: export default defineConfig({ worker: './worker.ts' })`,
  )
}

/** The worker file that --file or the configuration names, absolute; null when neither does. */
export function workerFile(from: string, given: string | undefined, loaded: LoadedConfig | null): string | null {
  if (given !== undefined) return resolve(from, given)
  const named = loaded?.config.worker
  return named === undefined || loaded === null ? null : resolve(dirname(loaded.file), named)
}
