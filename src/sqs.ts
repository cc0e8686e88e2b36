/** `kerja/sqs`: jobs that wait in Amazon SQS, with a SQL store as their state. */
import { type BrokerOptions, brokerBackend } from './backends/broker/backend.js'
import type { Notices } from './backends/broker/notices.js'
import { sqsTransport, type SqsOptions as TransportOptions } from './backends/sqs/index.js'
import { openState } from './broker-state.js'
import type { Backend } from './contract/backend.js'

export interface SqsOptions extends Omit<TransportOptions, 'logger'>, Pick<BrokerOptions, 'clock' | 'heldMax'> {
  /** Where jobs are from their claim on, and those that are not plain from the beginning: a URL (`postgres:` or `sqlite:`), or such a backend. */
  readonly state: string | Backend
  /** Default: none; the lines go nowhere. */
  readonly logger?: Notices
}

/**
 * A backend over the queues of Amazon SQS whose names begin with `prefix`, and a state. No I/O until its first use. Needs the package
 * `@aws-sdk/client-sqs`. A state that is given as a backend is closed with it.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {STATE_REQUIRED} {BACKEND_UNKNOWN}
 * @example const backend = sqs({ region: 'eu-west-1', prefix: 'shop', state: 'postgres://app:secret@db/app' })
 */
export function sqs({ state, clock, heldMax, ...options }: SqsOptions): Backend {
  const { logger } = options
  return brokerBackend({
    transport: sqsTransport(options),
    state: openState(state, 'sqs', logger),
    ...(logger === undefined ? {} : { logger }),
    ...(clock === undefined ? {} : { clock }),
    ...(heldMax === undefined ? {} : { heldMax }),
  })
}
