/** What the thread of a RabbitMQ transport loads. */
import type { LoneTransport } from '../broker/alone/lone-transport.js'
import { createLoneTransport } from './lone.js'
import { type Notices, type RabbitmqTransportOptions, resolveOptions } from './options.js'

export function openTransport(options: unknown, logger: Notices): LoneTransport {
  return createLoneTransport(resolveOptions({ ...(options as RabbitmqTransportOptions), logger }), Math.random)
}
