/** RabbitMQ without a state, proven by the conformance suite. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type Backend, createManualClock } from 'kerja/backend'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, describe, it } from 'vitest'
import { aloneBackend, capabilitiesOf } from '../../dist/backends/broker/alone/backend.js'
import { createHolder } from '../../dist/backends/broker/alone/holder.js'
import { rabbitmqFacts } from '../../dist/backends/rabbitmq/alone.js'
import { openTransport } from '../../dist/backends/rabbitmq/lone-module.js'
import { impatient } from '../broker/lone.js'
import { rabbitmqUrl } from '../support/rabbitmq.js'
import { removeAlone } from '../support/rabbitmq-alone.js'

const facts = rabbitmqFacts('the tests’ RabbitMQ')
const report = runBackendConformance({
  name: 'RabbitMQ alone',
  capabilities: capabilitiesOf(facts),
  test: { describe, it },
  async open() {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const prefix = `test-${randomUUID().slice(0, 13)}`
    const backends: Backend[] = []
    const silent = { info: () => undefined, warn: () => undefined }
    const open = (): Backend => {
      const transport = impatient(openTransport({ url: rabbitmqUrl(), prefix }, silent))
      const backend = aloneBackend({ carrier: createHolder(transport), facts, clock })
      backends.push(backend)
      return backend
    }
    return {
      backend: open(),
      clock,
      reopen: async () => open(),
      async close() {
        await Promise.all(backends.map((backend) => backend.close()))
        await removeAlone(prefix, ['default', 'elsewhere', 'a', 'b', 'c', 'q1', 'q2', 'other', 'mail'])
      },
    }
  },
})

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/rabbitmq-alone.json', JSON.stringify(report))
})
