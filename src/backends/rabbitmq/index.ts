/** Jobs that wait in RabbitMQ. */
import type { Transport } from '../broker/transport.js'
import { type RabbitmqTransportOptions, resolveOptions } from './options.js'
import { createTransport } from './transport.js'

export type { RabbitmqTransportOptions } from './options.js'
export { type QueueDeclaration, rabbitmqTopology, type TopologyOptions } from './topology.js'

/**
 * Carries messages by the RabbitMQ server (3.10 or newer) at `url`, in quorum queues of its own. No I/O until its first use. Needs the package
 * `amqplib`.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const transport = rabbitmqTransport({ url: 'amqp://app:secret@mq:5672/jobs' })
 */
export function rabbitmqTransport(options: RabbitmqTransportOptions): Transport {
  return createTransport(resolveOptions(options), Math.random)
}
