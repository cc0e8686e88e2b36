/**
 * Finds and loads the backend a Kerja instance was told of, or the environment's, or the default file. The only reader of the environment.
 *
 * One engine per store and process: instances that name the same store share it, also across hot reloads, which load this module anew. So the
 * engines hang off the global object, each with the number of its holders; the last one to let go closes it.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BackendAddress, type BrokerAddress, isBroker, maskUrl, parseBackendUrl, parseStateUrl } from './backend-url.js'
import type { Backend } from './contract/backend.js'
import { KerjaError } from './errors.js'
import type { Logger } from './observe/logger.js'

const DEFAULT_FILE = 'kerja.db'
const STATE_SETTING = 'KERJA_STATE_URL or new Kerja({ state })'
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
  /** What `new Kerja({ state })` was told, or null. */
  readonly state: string | Backend | null
  /** KERJA_URL and KERJA_STATE_URL override them. */
  readonly environmentFirst: boolean
}

/** @throws {BACKEND_REQUIRED} {BACKEND_UNKNOWN} {OPTION_INVALID} {DRIVER_MISSING} */
export async function loadBackend(choice: BackendChoice, logger: Logger): Promise<HeldBackend> {
  const named = (choice.environmentFirst ? process.env.KERJA_URL || choice.backend : choice.backend) ?? environmentUrl()
  const address = typeof named === 'string' ? parseBackendUrl(named, process.cwd()) : null
  if (address !== null && isBroker(address)) return holdBroker(address, brokerState(choice), logger)
  // What the environment has put in the place of a broker needs the broker's state no more.
  if (choice.state !== null && named === choice.backend) throw uselessState()
  if (address !== null)
    return holdAddress(
      address,
      () => importStore(address, logger),
      () => logger.debug('backend', { url: maskUrl(address.key) }),
    )
  if (typeof named === 'object' && named !== null) return holdBackend(named)
  const path = defaultFile(process.cwd())
  const store = { scheme: 'sqlite', key: `sqlite:${path}`, options: { path } } as const
  return holdAddress(
    store,
    () => importStore(store, logger),
    () => logger.info('no backend was named, so jobs are kept in a file', { path, setting: 'KERJA_URL or new Kerja({ backend })' }),
  )
}

function brokerState({ state, environmentFirst }: BackendChoice): string | Backend | null {
  const environment = process.env.KERJA_STATE_URL || null
  return environmentFirst ? (environment ?? state) : (state ?? environment)
}

const uselessState = (): KerjaError =>
  new KerjaError(
    'OPTION_INVALID',
    'state is given, but the backend is no broker and keeps everything itself. Leave state out, or name a broker as the backend: amqp://… or sqs://….',
    { details: { option: 'state' } },
  )

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

async function holdAddress({ key }: { readonly key: string }, load: () => Promise<Backend>, onFirst: () => void): Promise<HeldBackend> {
  const { byKey } = engines()
  let engine = byKey.get(key)
  if (engine === undefined) {
    onFirst()
    engine = { backend: load(), holderCount: 0 }
    byKey.set(key, engine)
  }
  return hold(engine, () => byKey.get(key) === engine && byKey.delete(key))
}

/** A broker is shared with those who name it with the same state, and the state with those who name that. */
async function holdBroker(address: BrokerAddress, state: string | Backend | null, logger: Logger): Promise<HeldBackend> {
  if (state === null)
    return holdAddress(
      address,
      () => importBroker(address, {}, logger),
      () => logger.info('no state was named, so the broker works alone', { url: maskUrl(address.key), setting: STATE_SETTING }),
    )
  const load = async (holdState: () => Promise<HeldBackend>): Promise<Backend> => {
    const held = await holdState()
    try {
      return await importBroker(address, { state: { ...held.backend, close: held.release } }, logger)
    } catch (error) {
      await held.release()
      throw error
    }
  }
  if (typeof state !== 'string') return hold({ backend: load(() => holdBackend(state)), holderCount: 0 }, () => undefined)
  const stateAddress = parseStateUrl(state, process.cwd())
  const holdState = () =>
    holdAddress(
      stateAddress,
      () => importStore(stateAddress, logger),
      () => undefined,
    )
  return holdAddress(
    { key: `${address.key} ${stateAddress.key}` },
    () => load(holdState),
    () => logger.debug('backend', { url: maskUrl(address.key), state: maskUrl(stateAddress.key) }),
  )
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

async function importStore(address: Exclude<BackendAddress, BrokerAddress>, logger: Logger): Promise<Backend> {
  if (address.scheme === 'memory') return (await import('./backends/memory/index.js')).memory()
  if (address.scheme === 'postgres') return (await import('./backends/postgres/index.js')).postgres({ ...address.options, logger })
  return (await import('./backends/sqlite/index.js')).sqlite(address.options)
}

async function importBroker(address: BrokerAddress, further: { readonly state?: Backend }, logger: Logger): Promise<Backend> {
  if (address.scheme === 'rabbitmq') return (await import('./rabbitmq.js')).rabbitmq({ ...address.options, ...further, logger })
  return (await import('./sqs.js')).sqs({ ...address.options, ...further, logger })
}

function engines(): Engines {
  const holder = globalThis as { [ENGINES]?: Engines }
  holder[ENGINES] ??= { byKey: new Map(), byBackend: new WeakMap() }
  return holder[ENGINES]
}
