/** The state of a broker that code makes by itself: a SQL store, by its URL or as a backend. */
import { parseStateUrl, stateRequired } from './backend-url.js'
import type { Notices } from './backends/broker/notices.js'
import { postgres } from './backends/postgres/index.js'
import { sqlite } from './backends/sqlite/index.js'
import type { Backend } from './contract/backend.js'

/** @throws {STATE_REQUIRED} {OPTION_INVALID} {OPTION_UNKNOWN} {BACKEND_UNKNOWN} */
export function openState(state: string | Backend | undefined, broker: string, logger?: Notices): Backend {
  if (state === undefined) throw stateRequired(broker, `Give ${broker}({ state })`)
  if (typeof state !== 'string') return state
  const address = parseStateUrl(state, process.cwd())
  return address.scheme === 'sqlite' ? sqlite(address.options) : postgres({ ...address.options, ...(logger === undefined ? {} : { logger }) })
}
