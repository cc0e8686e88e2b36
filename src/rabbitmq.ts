/** `kerja/rabbitmq`: jobs that wait in RabbitMQ, with a SQL store as their state or without one. */
import { aloneBackend } from './backends/broker/alone/backend.js'
import { type BrokerOptions, brokerBackend } from './backends/broker/backend.js'
import { type RabbitmqAloneOptions, rabbitmqAlone } from './backends/rabbitmq/alone.js'
import { type RabbitmqTransportOptions, rabbitmqTransport } from './backends/rabbitmq/index.js'
import { openState, refuseUseless } from './broker-state.js'
import type { Backend } from './contract/backend.js'

export { type QueueDeclaration, rabbitmqTopology, type TopologyOptions } from './backends/rabbitmq/index.js'

export interface RabbitmqOptions
  extends RabbitmqTransportOptions,
    Pick<RabbitmqAloneOptions, 'deliveryTimeout'>,
    Pick<BrokerOptions, 'clock' | 'heldMax'> {
  /**
   * Where jobs are from their claim on, and those that are not plain from the beginning: a URL (`postgres:` or `sqlite:`), or such a backend. Without
   * one there is what RabbitMQ can do by itself: jobs run, wait, are retried and set aside, and nothing is kept of them.
   */
  readonly state?: string | Backend
}

/**
 * A backend over the RabbitMQ server (3.10 or newer) at `url`. No I/O until its first use. Needs the package `amqplib`. A state that is given as a
 * backend is closed with it.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {BACKEND_UNKNOWN}
 * @example const backend = rabbitmq({ url: 'amqp://app:secret@mq:5672/jobs', state: 'postgres://app:secret@db/app' })
 */
export function rabbitmq({ state, clock, heldMax, deliveryTimeout, ...options }: RabbitmqOptions): Backend {
  const { logger, prefetch } = options
  const common = { ...(logger === undefined ? {} : { logger }), ...(clock === undefined ? {} : { clock }) }
  if (state === undefined) {
    refuseUseless('rabbitmq', { heldMax, prefetch }, 'without a state')
    return aloneBackend({ ...rabbitmqAlone({ ...options, ...(deliveryTimeout === undefined ? {} : { deliveryTimeout }) }), ...common })
  }
  refuseUseless('rabbitmq', { deliveryTimeout }, 'with a state')
  return brokerBackend({
    transport: rabbitmqTransport(options),
    state: openState(state, logger),
    ...common,
    ...(heldMax === undefined ? {} : { heldMax }),
  })
}
