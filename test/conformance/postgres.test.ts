/** The PostgreSQL backend, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { postgresUrl } from '../support/postgres.js'
import { runOnPostgres } from './postgres-target.js'

const report = runOnPostgres('postgres', postgresUrl)

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/postgres.json', JSON.stringify(report))
})
