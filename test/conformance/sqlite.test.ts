/** The SQLite backend, proven by the conformance suite. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Backend, createManualClock } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, describe, it } from 'vitest'
import { type Handle, openHandle } from '../sqlite/support.js'

const report = runBackendConformance({
  name: 'sqlite',
  capabilities: sqlite('unused.db').capabilities,
  test: { describe, it },
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'kerja-conformance-'))
    const path = join(folder, 'jobs.db')
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const backends: Backend[] = []
    const handles: Handle[] = []
    const open = (): Backend => {
      const backend = sqlite({ path, clock })
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
  writeFileSync('build/conformance/sqlite.json', JSON.stringify(report))
})
