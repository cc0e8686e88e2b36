/**
 * Finds and loads the backend a Kerja instance was told of, or the environment's, or the default file. The only reader of the environment.
 *
 * One engine per store and process: instances that name the same store share it, also across hot reloads, which load this module anew. So the
 * engines hang off the global object, each with the number of its holders; the last one to let go closes it.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BackendAddress, maskUrl, parseBackendUrl } from './backend-url.js'
import type { Backend } from './contract/backend.js'
import { KerjaError } from './errors.js'
import type { Logger } from './observe/logger.js'

const DEFAULT_FILE = 'kerja.db'
const ENGINES: unique symbol = Symbol.for('kerja.engines') as never

/** A backend and how this holder lets go of it. */
export interface HeldBackend {
  readonly backend: Backend
  readonly release: () => Promise<void>
}

interface Engine {
  readonly backend: Promise<Backend>
  holderCount: number
}

interface Engines {
  readonly byKey: Map<string, Engine>
  readonly byBackend: WeakMap<Backend, Engine>
}

export interface BackendChoice {
  /** What `new Kerja({ backend })` was told, or null. */
  readonly backend: string | Backend | null
  /** KERJA_URL overrides it. */
  readonly environmentFirst: boolean
}

/** @throws {BACKEND_REQUIRED} {BACKEND_UNKNOWN} {OPTION_INVALID} {DRIVER_MISSING} */
export async function loadBackend({ backend, environmentFirst }: BackendChoice, logger: Logger): Promise<HeldBackend> {
  const given = environmentFirst ? process.env.KERJA_URL || backend : backend
  if (typeof given === 'object' && given !== null) return holdBackend(given)
  const url = given ?? environmentUrl()
  if (url !== null)
    return holdAddress(parseBackendUrl(url, process.cwd()), logger, () =>
      logger.debug('backend', { url: maskUrl(parseBackendUrl(url, process.cwd()).key) }),
    )
  const path = defaultFile(process.cwd())
  return holdAddress({ scheme: 'sqlite', key: `sqlite:${path}`, options: { path } }, logger, () =>
    logger.info('no backend was named, so jobs are kept in a file', { path, setting: 'KERJA_URL or new Kerja({ backend })' }),
  )
}

/** KERJA_URL, or null for the default file. Nothing else is taken as a backend: DATABASE_URL is the application's. */
function environmentUrl(): string | null {
  const url = process.env.KERJA_URL
  if (url !== undefined && url !== '') return url
  if (process.env.NODE_ENV !== 'production') return null
  throw new KerjaError(
    'BACKEND_REQUIRED',
    "No backend is named, and in production Kerja does not choose a file by itself. Set KERJA_URL or new Kerja({ backend }), such as 'sqlite:/var/lib/app/jobs.db'.",
  )
}

/** Where jobs are kept when nobody names a backend. */
export const defaultFile = (from: string): string => join(projectRoot(from), DEFAULT_FILE)

/** The folder of the nearest package.json upward, else `from` itself. */
export function projectRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return from
  }
}

async function holdAddress(address: BackendAddress, logger: Logger, onFirst: () => void): Promise<HeldBackend> {
  const { byKey } = engines()
  let engine = byKey.get(address.key)
  if (engine === undefined) {
    onFirst()
    engine = { backend: importBackend(address, logger), holderCount: 0 }
    byKey.set(address.key, engine)
  }
  return hold(engine, () => byKey.get(address.key) === engine && byKey.delete(address.key))
}

function holdBackend(backend: Backend): Promise<HeldBackend> {
  const { byBackend } = engines()
  const engine = byBackend.get(backend) ?? { backend: Promise.resolve(backend), holderCount: 0 }
  byBackend.set(backend, engine)
  return hold(engine, () => byBackend.delete(backend))
}

async function hold(engine: Engine, forget: () => void): Promise<HeldBackend> {
  engine.holderCount += 1
  try {
    const backend = await engine.backend
    return {
      backend,
      release: async () => {
        engine.holderCount -= 1
        if (engine.holderCount > 0) return
        forget()
        await backend.close()
      },
    }
  } catch (error) {
    // The next call imports again: a driver may have been installed meanwhile.
    engine.holderCount -= 1
    forget()
    throw error
  }
}

async function importBackend(address: BackendAddress, logger: Logger): Promise<Backend> {
  if (address.scheme === 'memory') return (await import('./backends/memory/index.js')).memory()
  if (address.scheme === 'postgres') return (await import('./backends/postgres/index.js')).postgres({ ...address.options, logger })
  return (await import('./backends/sqlite/index.js')).sqlite(address.options)
}

function engines(): Engines {
  const holder = globalThis as { [ENGINES]?: Engines }
  holder[ENGINES] ??= { byKey: new Map(), byBackend: new WeakMap() }
  return holder[ENGINES]
}
