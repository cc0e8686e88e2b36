/** A broker without a state, over a broker of this process, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type Backend, createManualClock } from 'kerja/backend'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, describe, it } from 'vitest'
import { aloneBackend, capabilitiesOf } from '../../dist/backends/broker/alone/backend.js'
import { createHolder } from '../../dist/backends/broker/alone/holder.js'
import { createLoneBroker, LONE_FACTS } from '../broker/lone.js'

const report = runBackendConformance({
  name: 'a broker alone',
  capabilities: capabilitiesOf(LONE_FACTS),
  test: { describe, it },
  async open() {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const broker = createLoneBroker(clock)
    const backends: Backend[] = []
    const open = (): Backend => {
      const backend = aloneBackend({ carrier: createHolder(broker.connect()), facts: LONE_FACTS, clock })
      backends.push(backend)
      return backend
    }
    return {
      backend: open(),
      clock,
      reopen: async () => open(),
      close: async () => void (await Promise.all(backends.map((backend) => backend.close()))),
    }
  },
})

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/broker-alone.json', JSON.stringify(report))
})
