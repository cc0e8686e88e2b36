/** A broker backend over a broker of this process and a SQLite state, proven by the conformance suite. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Backend, createManualClock } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, describe, it } from 'vitest'
import { brokerBackend } from '../../dist/backends/broker/backend.js'
import { createInProcessBroker } from '../broker/in-process.js'
import { type Handle, openHandle } from '../sqlite/support.js'

const report = runBackendConformance({
  name: 'a broker with SQLite',
  capabilities: brokerBackend({ transport: createInProcessBroker().connect(), state: sqlite('unused.db') }).capabilities,
  test: { describe, it },
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'kerja-conformance-'))
    const path = join(folder, 'jobs.db')
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const broker = createInProcessBroker()
    const backends: Backend[] = []
    const handles: Handle[] = []
    const open = (): Backend => {
      const backend = brokerBackend({ transport: broker.connect(), state: sqlite({ path, clock }), clock })
      backends.push(backend)
      return backend
    }
    return {
      backend: open(),
      clock,
      reopen: async () => open(),
      async transaction() {
        const handle = openHandle(path)
        handles.push(handle)
        handle.exec('BEGIN IMMEDIATE')
        return { tx: handle, commit: async () => void handle.exec('COMMIT'), rollback: async () => void handle.exec('ROLLBACK') }
      },
      async close() {
        for (const handle of handles) handle.close()
        await Promise.all(backends.map((backend) => backend.close()))
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
})

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/broker-sqlite.json', JSON.stringify(report))
})
