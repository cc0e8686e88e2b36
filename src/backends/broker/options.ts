/** What `brokerBackend(…)` can be told, checked once. */
import type { Backend } from '../../contract/backend.js'
import type { StoreClock } from '../../contract/clock.js'
import { checkInteger } from '../../core/names.js'
import { KerjaError, quote } from '../../errors.js'
import type { Notices } from './notices.js'
import type { Transport } from './transport.js'

export interface BrokerOptions {
  readonly transport: Transport
  /** A whole SQL backend. It is this backend's own: closed with it. */
  readonly state: Backend
  /** Of this process. @default the system's */
  readonly clock?: StoreClock
  /** @default none; the lines go nowhere */
  readonly logger?: Notices
  /**
   * So many due jobs of a queue that nobody runs may wait in the state; then the rest of the queue stays in the broker. From 1,000.
   * @default 10000
   */
  readonly heldMax?: number
}

export const BROKER_DEFAULTS = Object.freeze({ heldMax: 10_000 } as const)
/** Less would be reached by one claim that looks for jobs it can run. */
const HELD_MIN = 1_000

/** @throws {OPTION_INVALID} */
export function checkOptions({ transport, state, heldMax = BROKER_DEFAULTS.heldMax }: BrokerOptions): void {
  checkInteger(heldMax, 'heldMax', { min: HELD_MIN, max: Number.MAX_SAFE_INTEGER })
  // What is acknowledged is the state's alone: it must keep it, for all processes, and know every job.
  const { durable, crossProcess, keys, ledger, coordination, transfer, fencing, knownAtOnce } = state.capabilities
  if (durable && crossProcess && keys && ledger && coordination && transfer && fencing && knownAtOnce) return
  throw new KerjaError(
    'OPTION_INVALID',
    `${transport.name}: state is ${quote(state.location)}, of the ${state.name} backend, which cannot be the state of a broker. Use a PostgreSQL database, or a SQLite file where one machine runs everything.`,
    { details: { option: 'state' } },
  )
}
