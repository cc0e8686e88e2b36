/** Amazon SQS with a PostgreSQL state, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { runOnBroker } from './broker-target.js'
import { sqsPlaces } from './sqs-target.js'

const { example, open, stop } = await sqsPlaces()
const report = runOnBroker('sqs+postgres', { state: 'postgres', example, openBroker: open })

afterAll(async () => {
  await stop()
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/sqs-postgres.json', JSON.stringify(report))
})
