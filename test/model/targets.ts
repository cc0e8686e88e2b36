/** The backends whose random histories are checked. A new backend adds a line here. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend, ManualClock } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { postgres } from 'kerja/postgres'
import { sqlite } from 'kerja/sqlite'
import { brokerBackend } from '../../dist/backends/broker/backend.js'
import { createInProcessBroker } from '../broker/in-process.js'
import { postgresUrl } from '../support/postgres.js'
import { giveBack, takeSchema } from '../support/postgres-schemas.js'

export interface ModelTarget {
  readonly name: string
  /** Histories per run: fewer where each opens a file. */
  readonly runs: number
  open(clock: ManualClock): Backend
}

export const MODEL_TARGETS: readonly ModelTarget[] = [
  { name: 'memory', runs: 1_000, open: (clock) => memory({ clock }) },
  { name: 'sqlite', runs: 40, open: openSqlite },
  { name: 'a broker with SQLite', runs: 40, open: openBroker },
  { name: 'postgres', runs: 40, open: (clock) => openPostgres(clock, postgresUrl()) },
]

function openSqlite(clock: ManualClock): Backend {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-model-'))
  const backend = sqlite({ path: join(folder, 'jobs.db'), clock })
  return {
    ...backend,
    async close() {
      await backend.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function openBroker(clock: ManualClock): Backend {
  return brokerBackend({ transport: createInProcessBroker().connect(), state: openSqlite(clock), clock })
}

export function openPostgres(clock: ManualClock, url: string): Backend {
  const schema = takeSchema(url)
  const backend = postgres({ url, schema, clock, connections: 2 })
  return {
    ...backend,
    async close() {
      await backend.close()
      await giveBack(schema, url)
    },
  }
}
