/** `kerja/memory`: a backend that lives and dies with its process. For tests and development, and the readable reference of the contract. */

import type { Backend, Capabilities, StoreClock } from '../../contract/index.js'
import { systemClock } from '../../contract/index.js'
import { rejectUnknown } from '../../core/suggest.js'
import { createCoordination } from './coordination.js'
import { createLedger } from './ledger.js'
import { createQueue } from './queue.js'
import { createStore, enter } from './store.js'
import { createTransfer } from './transfer.js'

const CAPABILITIES: Capabilities = Object.freeze({
  clock: 'store',
  durable: false,
  crossProcess: false,
  transactions: false,
  synchronousPush: false,
  delayMsMax: null,
  leaseMsMax: null,
  keys: true,
  ledger: true,
  coordination: true,
  transfer: true,
  knownAtOnce: true,
  retentionMsMin: null,
  fencing: true,
  deathCheck: false,
})

export interface MemoryOptions {
  /** Judges due, expired and late. The system's by default; a manual one in tests. */
  readonly clock?: StoreClock
}

/** Each call is a store of its own; nothing is shared and nothing survives. @throws {OPTION_UNKNOWN} */
export function memory(options: MemoryOptions = {}): Backend {
  rejectUnknown(options, ['clock'] satisfies (keyof MemoryOptions)[], 'memory()')
  const store = createStore(options.clock ?? systemClock)
  return {
    name: 'memory',
    location: 'memory:',
    capabilities: CAPABILITIES,
    queue: createQueue(store),
    ledger: createLedger(store),
    coordination: createCoordination(store),
    transfer: createTransfer(store),
    async open() {
      enter(store)
    },
    async close() {
      store.closed = true
      store.listeners.clear()
    },
    async migrate() {
      return []
    },
  }
}
