/** Amazon SQS without a state. */
import { KerjaError } from '../../errors.js'
import type { Carrier } from '../broker/alone/carrier.js'
import type { LoneFacts } from '../broker/alone/lone-transport.js'
import { createThreadedCarrier } from '../broker/alone/threaded.js'
import { type Notices, silent } from '../broker/notices.js'
import { LIMITS } from './limits.js'
import { resolveOptions, type SqsOptions } from './options.js'
import { locationOf } from './transport.js'

export interface SqsAloneOptions extends Omit<SqsOptions, 'logger'> {
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
 * SQS as a backend without a state takes it: in a thread that makes its client at the first call.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 */
export function sqsAlone({ logger: notices = silent, ...options }: SqsAloneOptions): { readonly carrier: Carrier; readonly facts: LoneFacts } {
  const location = locationOf(resolveOptions({ ...options, logger: notices }))
  refuseUnable(options)
  const module = new URL('./lone-module.js', import.meta.url).href
  return { carrier: createThreadedCarrier({ module, config: options, location, notices }), facts: sqsFacts(location) }
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
