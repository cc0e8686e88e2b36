// Random histories on the newest PostgreSQL that can be started here: the one from npm.
import { afterAll, beforeAll } from 'vitest'
import { startServer, type TestServer } from '../support/postgres-server.js'
import { describeHistories } from './histories.js'
import { openPostgres } from './targets.js'

let server: TestServer

beforeAll(async () => {
  // What a history writes need not outlive the machine.
  server = await startServer(['fsync = off'])
})
afterAll(() => server.destroy())

describeHistories({ name: 'postgres-newest', runs: 40, open: (clock) => openPostgres(clock, server.url) })
