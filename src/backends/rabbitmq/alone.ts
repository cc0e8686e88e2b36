/** RabbitMQ without a state. */
import { type Duration, parseDuration } from '../../core/duration.js'
import type { Carrier } from '../broker/alone/carrier.js'
import type { LoneFacts } from '../broker/alone/lone-transport.js'
import { createThreadedCarrier } from '../broker/alone/threaded.js'
import { type RabbitmqTransportOptions, resolveOptions } from './options.js'

export interface RabbitmqAloneOptions extends Omit<RabbitmqTransportOptions, 'prefetch'> {
  /**
   * The server's `consumer_timeout`: when a delivery is not acknowledged for so long, RabbitMQ ends its channel, and all that is held over it comes again.
   * Jobs that may run longer are refused when a worker starts. From 2m. @default 30m, which is the server's default
   * https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
   */
  readonly deliveryTimeout?: Duration
}

const DELIVERY_TIMEOUT_MS = 1_800_000
const DELIVERY_TIMEOUT_MS_MIN = 120_000
/** RabbitMQ looks once a minute; and a claim waits for a slot before its job runs. */
const MARGIN_MS = 60_000

export const rabbitmqFacts = (location: string, deliveryTimeoutMs: number = DELIVERY_TIMEOUT_MS): LoneFacts => ({
  name: 'rabbitmq',
  location,
  leaseMsMax: deliveryTimeoutMs - MARGIN_MS,
  // The connection ends with its process, and what was held over it comes again.
  deathCheck: true,
})

/**
 * RabbitMQ as a backend without a state takes it: in a thread that opens its connections at the first call.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 */
export function rabbitmqAlone({ deliveryTimeout = DELIVERY_TIMEOUT_MS, ...options }: RabbitmqAloneOptions): {
  readonly carrier: Carrier
  readonly facts: LoneFacts
} {
  const { location, logger: notices } = resolveOptions(options)
  const { logger: _logger, ...config } = options
  const deliveryTimeoutMs = parseDuration(deliveryTimeout, 'deliveryTimeout', { minMs: DELIVERY_TIMEOUT_MS_MIN })
  const module = new URL('./lone-module.js', import.meta.url).href
  return { carrier: createThreadedCarrier({ module, config, location, notices }), facts: rabbitmqFacts(location, deliveryTimeoutMs) }
}
