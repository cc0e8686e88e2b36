/** SQS without a state, proven by the conformance suite. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type Backend, createManualClock } from 'kerja/backend'
import { runBackendConformance } from 'kerja/testing/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { aloneBackend, capabilitiesOf } from '../../dist/backends/broker/alone/backend.js'
import { createHolder } from '../../dist/backends/broker/alone/holder.js'
import { sqsFacts } from '../../dist/backends/sqs/alone.js'
import { openTransport } from '../../dist/backends/sqs/lone-module.js'
import { impatient } from '../broker/lone.js'
import { startSqs, type TestSqs } from '../support/sqs-server.js'

let server: TestSqs
beforeAll(async () => {
  server = await startSqs()
})
afterAll(() => server.stop())

const facts = sqsFacts('the tests’ SQS')
const report = runBackendConformance({
  name: 'SQS alone',
  capabilities: capabilitiesOf(facts),
  test: { describe, it },
  async open() {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    const prefix = `${server.options.prefix}${randomBytes(4).toString('hex')}`
    const backends: Backend[] = []
    const silent = { info: () => undefined, warn: () => undefined }
    const open = (): Backend => {
      const transport = impatient(openTransport({ ...server.options, prefix }, silent))
      const backend = aloneBackend({ carrier: createHolder(transport), facts, clock })
      backends.push(backend)
      return backend
    }
    return {
      backend: open(),
      clock,
      reopen: async () => open(),
      close: async () => void (await Promise.all(backends.map((backend) => backend.close()))),
    }
  },
})

afterAll(() => {
  mkdirSync('build/conformance', { recursive: true })
  writeFileSync('build/conformance/sqs-alone.json', JSON.stringify(report))
})
