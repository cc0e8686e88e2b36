/** The same on the newest PostgreSQL that can be started here: the one from npm. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll } from 'vitest'
import { startServer, type TestServer } from '../support/postgres-server.js'
import { runOnPostgres } from './postgres-target.js'

let server: TestServer

beforeAll(async () => {
  // What a case writes need not outlive the machine.
  server = await startServer(['fsync = off'])
})
afterAll(() => server.destroy())

const report = runOnPostgres('postgres-newest', () => server.url)

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/postgres-newest.json', JSON.stringify(report))
})
