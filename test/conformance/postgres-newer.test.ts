/** The same on the newest PostgreSQL that can be started here: the one from npm. */
import { afterAll, beforeAll } from 'vitest'
import { startServer, type TestServer } from '../support/postgres-server.js'
import { runOnPostgres } from './postgres-target.js'

let server: TestServer

beforeAll(async () => {
  // What a case writes need not outlive the machine.
  server = await startServer(['fsync = off'])
})
afterAll(() => server.destroy())

runOnPostgres('postgres from npm', () => server.url)
