/** Amazon SQS with a SQLite state, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { runOnBroker } from './broker-target.js'
import { sqsPlaces } from './sqs-target.js'

const { example, open, stop } = await sqsPlaces()
const report = runOnBroker('sqs+sqlite', { state: 'sqlite', example, openBroker: open })

afterAll(async () => {
  await stop()
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/sqs-sqlite.json', JSON.stringify(report))
})
