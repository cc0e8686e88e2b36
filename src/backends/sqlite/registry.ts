/** Which engines this process has: one per file, counted by those who use it, shared by every copy of this module that a hot reload leaves. */
import { KerjaError } from '../../errors.js'
import { createEngine, type Engine } from './engine.js'
import { realPathOf, type StoreConfig } from './options.js'
import { WIRE_VERSION } from './wire.js'

interface Shared {
  readonly engine: Engine
  readonly settings: string
  readonly clockBuffer: SharedArrayBuffer | undefined
  userCount: number
}

export interface EngineHold {
  readonly engine: Engine
  /** The last to let go ends the thread. */
  release(): Promise<void>
}

/** With the version of the messages: another build of Kerja in this process has engines of its own. */
const REGISTRY = Symbol.for(`kerja.sqlite.engines.${WIRE_VERSION}`)

function engines(): Map<string, Shared> {
  const holder = globalThis as { [REGISTRY]?: Map<string, Shared> }
  holder[REGISTRY] ??= new Map()
  return holder[REGISTRY]
}

/** @throws {OPTION_INVALID} when the file is open with other options */
export function holdEngine(given: StoreConfig): EngineHold {
  const config = { ...given, path: realPathOf(given.path) }
  const { clockBuffer, ...plain } = config
  const settings = JSON.stringify(plain)
  const shared = engines().get(config.path) ?? { engine: createEngine(config), settings, clockBuffer, userCount: 0 }
  if (shared.settings !== settings || shared.clockBuffer !== clockBuffer)
    throw new KerjaError(
      'OPTION_INVALID',
      `${config.path} is open in this process with other options (${shared.settings}). Use the same options everywhere, or close the other first.`,
    )
  engines().set(config.path, shared)
  shared.userCount += 1
  return {
    engine: shared.engine,
    async release() {
      shared.userCount -= 1
      if (shared.userCount > 0) return
      engines().delete(config.path)
      await shared.engine.close()
    },
  }
}
