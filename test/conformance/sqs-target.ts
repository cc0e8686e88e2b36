/** SQS for the conformance suite: one server, and a prefix of its own for each case. */
import { sqsTransport } from '../../dist/backends/sqs/index.js'
import { startSqs } from '../support/sqs-server.js'
import type { BrokerPlace } from './broker-target.js'

export async function sqsPlaces() {
  const server = await startSqs()
  let caseCount = 0
  const open = (): BrokerPlace => {
    const options = { ...server.options, prefix: `${server.options.prefix}_${++caseCount}` }
    return { connect: () => sqsTransport(options), remove: async () => undefined }
  }
  return { example: sqsTransport(server.options), open, stop: () => server.stop() }
}
