/** RabbitMQ with a SQLite state, proven by the conformance suite. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { runOnBroker } from './broker-target.js'
import { rabbitmqPlaces } from './rabbitmq-target.js'

const { example, open } = rabbitmqPlaces()
const report = runOnBroker('rabbitmq+sqlite', { state: 'sqlite', example, openBroker: open })

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/rabbitmq-sqlite.json', JSON.stringify(report))
})
