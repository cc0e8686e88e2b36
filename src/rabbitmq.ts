/** `kerja/rabbitmq`: jobs that wait in RabbitMQ, with a SQL store as their state. */
import { type BrokerOptions, brokerBackend } from './backends/broker/backend.js'
import { type RabbitmqTransportOptions, rabbitmqTransport } from './backends/rabbitmq/index.js'
import { openState } from './broker-state.js'
import type { Backend } from './contract/backend.js'

export { type QueueDeclaration, rabbitmqTopology, type TopologyOptions } from './backends/rabbitmq/index.js'

export interface RabbitmqOptions extends RabbitmqTransportOptions, Pick<BrokerOptions, 'clock' | 'heldMax'> {
  /** Where jobs are from their claim on, and those that are not plain from the beginning: a URL (`postgres:` or `sqlite:`), or such a backend. */
  readonly state: string | Backend
}

/**
 * A backend over the RabbitMQ server (3.10 or newer) at `url` and a state. No I/O until its first use. Needs the package `amqplib`. A state that is
 * given as a backend is closed with it.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {STATE_REQUIRED} {BACKEND_UNKNOWN}
 * @example const backend = rabbitmq({ url: 'amqp://app:secret@mq:5672/jobs', state: 'postgres://app:secret@db/app' })
 */
export function rabbitmq({ state, clock, heldMax, ...options }: RabbitmqOptions): Backend {
  const { logger } = options
  return brokerBackend({
    transport: rabbitmqTransport(options),
    state: openState(state, 'rabbitmq', logger),
    ...(logger === undefined ? {} : { logger }),
    ...(clock === undefined ? {} : { clock }),
    ...(heldMax === undefined ? {} : { heldMax }),
  })
}
