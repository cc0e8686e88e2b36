/** The state of a broker: a SQL store, by its URL or as a backend; and what has a meaning with one only, or without. */
import { parseStateUrl } from './backend-url.js'
import type { Notices } from './backends/broker/notices.js'
import { postgres } from './backends/postgres/index.js'
import { sqlite } from './backends/sqlite/index.js'
import type { Backend } from './contract/backend.js'
import { KerjaError } from './errors.js'

/** @throws {OPTION_INVALID} {OPTION_UNKNOWN} {BACKEND_UNKNOWN} */
export function openState(state: string | Backend, logger?: Notices): Backend {
  if (typeof state !== 'string') return state
  const address = parseStateUrl(state, process.cwd())
  return address.scheme === 'sqlite' ? sqlite(address.options) : postgres({ ...address.options, ...(logger === undefined ? {} : { logger }) })
}

/** An option that would change nothing is a mistake of whoever gave it. @throws {OPTION_INVALID} */
export function refuseUseless(broker: string, given: Readonly<Record<string, unknown>>, why: 'with a state' | 'without a state'): void {
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue
    const remedy = why === 'with a state' ? 'Leave it out.' : 'Leave it out, or give a state.'
    throw new KerjaError('OPTION_INVALID', `${broker}: ${option} has no meaning ${why}. ${remedy}`, { details: { option } })
  }
}
