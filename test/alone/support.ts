/** What the tests of brokers without a state share: a broker of this process, and backends over it. */
import { type Backend, createManualClock, type ManualClock } from 'kerja/backend'
import { onTestFinished } from 'vitest'
import { aloneBackend } from '../../dist/backends/broker/alone/backend.js'
import { createHolder } from '../../dist/backends/broker/alone/holder.js'
import type { LoneFacts } from '../../dist/backends/broker/alone/lone-transport.js'
import { createLoneBroker, LONE_FACTS, type LoneBroker } from '../broker/lone.js'

export interface AlonePlace {
  readonly clock: ManualClock
  readonly broker: LoneBroker
  /** A backend of its own on the broker. `kill` is a death of its process, as the broker sees it. */
  open(facts?: Partial<LoneFacts>): Backend & { readonly kill: () => void }
}

export function newPlace(): AlonePlace {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const broker = createLoneBroker(clock)
  return {
    clock,
    broker,
    open(facts = {}) {
      const transport = broker.connect()
      const backend = aloneBackend({ carrier: createHolder(transport), facts: { ...LONE_FACTS, ...facts }, clock })
      onTestFinished(() => backend.close())
      return { ...backend, kill: transport.kill }
    },
  }
}
