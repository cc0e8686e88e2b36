/** The memory backend, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createManualClock } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, describe, it } from 'vitest'

const report = runBackendConformance({
  name: 'memory',
  capabilities: memory().capabilities,
  test: { describe, it },
  async open() {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const backend = memory({ clock })
    return { backend, clock, close: () => backend.close() }
  },
})

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/memory.json', JSON.stringify(report))
})
