/** The backends that the tests of workers and schedules run on: each test gets a store of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend, StoreClock } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { sqlite } from 'kerja/sqlite'
import { onTestFinished } from 'vitest'
import { temporaryPostgres } from './postgres.js'
import { giveBack, takeSchema } from './postgres-schemas.js'

export interface TestBackend {
  readonly name: string
  /** A fresh store, judged by `clock` or else by the system's. */
  readonly open: (clock?: StoreClock) => Backend
}

export const BACKENDS: readonly TestBackend[] = [
  { name: 'memory', open: (clock) => memory(clock === undefined ? {} : { clock }) },
  { name: 'sqlite', open: (clock) => sqlite({ path: temporaryStore(), ...(clock === undefined ? {} : { clock }) }) },
  { name: 'postgres', open: openPostgres },
]

/** The path of a store file that is removed after the test. */
export function temporaryStore(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-worker-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'jobs.db')
}

function openPostgres(clock?: StoreClock): Backend {
  const schema = takeSchema()
  // What is asked for first is done last: by then the backend is closed.
  onTestFinished(() => giveBack(schema))
  return temporaryPostgres({ schema, ...(clock === undefined ? {} : { clock }) })
}
