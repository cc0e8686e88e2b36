/** The conformance suite on a broker with a state: an empty broker and an empty state for each case. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Backend, createManualClock, type ManualClock } from 'kerja/backend'
import { postgres } from 'kerja/postgres'
import { sqlite } from 'kerja/sqlite'
import { type CallerTransaction, runBackendConformance } from 'kerja/testing/conformance'
import pg from 'pg'
import { describe, it } from 'vitest'
import { brokerBackend } from '../../dist/backends/broker/backend.js'
import type { Transport } from '../../dist/backends/broker/transport.js'
import { openHandle } from '../sqlite/support.js'
import { postgresUrl } from '../support/postgres.js'
import { giveBack, takeSchema } from '../support/postgres-schemas.js'

export interface BrokerPlace {
  /** A connection of its own. */
  connect(): Transport
  /** Every connection is closed by now. */
  remove(): Promise<void>
}

interface StatePlace {
  open(): Backend
  transaction(): Promise<CallerTransaction>
  /** Every handle is closed by now. */
  remove(): Promise<void>
}

export type StateName = 'sqlite' | 'postgres'

/** `openBroker` is called in each case; `example` is any transport of this kind. */
export function runOnBroker(name: string, { state, example, openBroker }: { state: StateName; example: Transport; openBroker: () => BrokerPlace }) {
  const anyState = state === 'sqlite' ? sqlite('unused.db') : postgres('postgres://unused')
  return runBackendConformance({
    name,
    capabilities: brokerBackend({ transport: example, state: anyState }).capabilities,
    test: { describe, it },
    async open() {
      const clock = createManualClock(Date.UTC(2026, 0, 1))
      const broker = openBroker()
      const states = state === 'sqlite' ? openSqlite(clock) : openPostgres(clock)
      const backends: Backend[] = []
      const open = (): Backend => {
        const backend = brokerBackend({ transport: broker.connect(), state: states.open(), clock })
        backends.push(backend)
        return backend
      }
      return {
        backend: open(),
        clock,
        reopen: async () => open(),
        transaction: states.transaction,
        async close() {
          await Promise.all(backends.map((backend) => backend.close()))
          await Promise.all([states.remove(), broker.remove()])
        },
      }
    },
  })
}

function openSqlite(clock: ManualClock): StatePlace {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-conformance-'))
  const path = join(folder, 'jobs.db')
  const handles: ReturnType<typeof openHandle>[] = []
  return {
    open: () => sqlite({ path, clock }),
    async transaction() {
      const handle = openHandle(path)
      handles.push(handle)
      handle.exec('BEGIN IMMEDIATE')
      return { tx: handle, commit: async () => void handle.exec('COMMIT'), rollback: async () => void handle.exec('ROLLBACK') }
    },
    async remove() {
      for (const handle of handles) handle.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function openPostgres(clock: ManualClock): StatePlace {
  const url = postgresUrl()
  const schema = takeSchema(url)
  const clients: pg.Client[] = []
  return {
    open: () => postgres({ url, schema, clock, connections: 2 }),
    async transaction() {
      const client = new pg.Client(url)
      await client.connect()
      clients.push(client)
      await client.query('BEGIN')
      return { tx: client, commit: async () => void (await client.query('COMMIT')), rollback: async () => void (await client.query('ROLLBACK')) }
    },
    async remove() {
      await Promise.all(clients.map((client) => client.end()))
      await giveBack(schema, url)
    },
  }
}
