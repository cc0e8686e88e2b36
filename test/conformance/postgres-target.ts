/** The conformance suite on a PostgreSQL server: an empty schema for each case. */
import { type Backend, createManualClock } from 'kerja/backend'
import { postgres } from 'kerja/postgres'
import { runBackendConformance } from 'kerja/testing/conformance'
import pg from 'pg'
import { describe, it } from 'vitest'
import { giveBack, takeSchema } from '../support/postgres-schemas.js'

/** `findUrl` is asked in each case. */
export function runOnPostgres(name: string, findUrl: () => string): ReturnType<typeof runBackendConformance> {
  return runBackendConformance({
    name,
    capabilities: postgres({ url: 'postgres://unused' }).capabilities,
    test: { describe, it },
    async open() {
      const url = findUrl()
      const schema = takeSchema(url)
      const clock = createManualClock(Date.UTC(2026, 0, 1))
      const backends: Backend[] = []
      const clients: pg.Client[] = []
      const open = (): Backend => {
        const backend = postgres({ url, schema, clock, connections: 2 })
        backends.push(backend)
        return backend
      }
      return {
        backend: open(),
        clock,
        reopen: async () => open(),
        async transaction() {
          const client = new pg.Client(url)
          await client.connect()
          clients.push(client)
          await client.query('BEGIN')
          return { tx: client, commit: async () => void (await client.query('COMMIT')), rollback: async () => void (await client.query('ROLLBACK')) }
        },
        async close() {
          await Promise.all(clients.map((client) => client.end()))
          await Promise.all(backends.map((backend) => backend.close()))
          await giveBack(schema, url)
        },
      }
    },
  })
}
