/** RabbitMQ without a state. */
import type { Backend } from '../../contract/backend.js'
import type { StoreClock } from '../../contract/clock.js'
import { type Duration, parseDuration } from '../../core/duration.js'
import { aloneBackend } from '../broker/alone/backend.js'
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
  /** Of this process. @default the system's */
  readonly clock?: StoreClock
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
 * A backend on the RabbitMQ server at `url`, without a state: jobs run, are delayed, retried and set aside. What needs a place to look jobs up is
 * UNSUPPORTED. No I/O until its first use. Needs the package `amqplib`.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const backend = rabbitmqAlone({ url: 'amqp://app:secret@mq:5672/jobs' })
 */
export function rabbitmqAlone({ deliveryTimeout = DELIVERY_TIMEOUT_MS, clock, ...options }: RabbitmqAloneOptions): Backend {
  const { location, logger } = resolveOptions(options)
  const { logger: _logger, ...config } = options
  const deliveryTimeoutMs = parseDuration(deliveryTimeout, 'deliveryTimeout', { minMs: DELIVERY_TIMEOUT_MS_MIN })
  const module = new URL('./lone-module.js', import.meta.url).href
  const carrier = createThreadedCarrier({ module, config, location, notices: logger })
  return aloneBackend({ carrier, facts: rabbitmqFacts(location, deliveryTimeoutMs), logger, ...(clock === undefined ? {} : { clock }) })
}
