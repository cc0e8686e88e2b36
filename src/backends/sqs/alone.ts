/** Amazon SQS without a state. */
import type { Backend } from '../../contract/backend.js'
import type { StoreClock } from '../../contract/clock.js'
import { KerjaError } from '../../errors.js'
import { aloneBackend } from '../broker/alone/backend.js'
import type { LoneFacts } from '../broker/alone/lone-transport.js'
import { createThreadedCarrier } from '../broker/alone/threaded.js'
import { type Notices, silent } from '../broker/notices.js'
import { LIMITS } from './limits.js'
import { resolveOptions, type SqsOptions } from './options.js'
import { locationOf } from './transport.js'

export interface SqsAloneOptions extends Omit<SqsOptions, 'fifo' | 'logger'> {
  /** Of this process. @default the system's */
  readonly clock?: StoreClock
  /** @default none; the lines go nowhere */
  readonly logger?: Notices
}

/** From a receive to the start of the job, and from its timeout to the end of its lease. */
const MARGIN_MS = 60_000

export const sqsFacts = (location: string): LoneFacts => ({
  name: 'sqs',
  location,
  leaseMsMax: LIMITS.visibilityMsMax - MARGIN_MS,
  // A dead process is noticed when the visibility of what it held ends.
  deathCheck: false,
})

/**
 * A backend on Amazon SQS, without a state: jobs run, are delayed, retried and set aside. What needs a place to look jobs up is UNSUPPORTED. No I/O until
 * its first use. Needs the package `@aws-sdk/client-sqs`.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const backend = sqsAlone({ region: 'eu-west-1', prefix: 'shop' })
 */
export function sqsAlone({ clock, logger = silent, ...options }: SqsAloneOptions = {}): Backend {
  const config = resolveOptions({ ...options, logger })
  refuseUnable(options)
  const location = locationOf(config)
  const module = new URL('./lone-module.js', import.meta.url).href
  const carrier = createThreadedCarrier({ module, config: options, location, notices: logger })
  return aloneBackend({ carrier, facts: sqsFacts(location), logger, ...(clock === undefined ? {} : { clock }) })
}

function refuseUnable({ credentials, fifo }: SqsOptions): void {
  if (fifo === true)
    throw new KerjaError(
      'OPTION_INVALID',
      'sqs: without a state, fifo is true. FIFO queues cannot delay a message, and drop one that is sent again: leave it out, or give a state.',
      { details: { option: 'fifo' } },
    )
  if (typeof credentials === 'function')
    throw new KerjaError(
      'OPTION_INVALID',
      'sqs: without a state, credentials is a function. The connection lives in a thread, which takes no functions: give { accessKeyId, secretAccessKey }, or let the AWS SDK find them.',
      { details: { option: 'credentials' } },
    )
}
