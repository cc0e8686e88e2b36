/** `kerja/sqs`: jobs that wait in Amazon SQS, with a SQL store as their state or without one. */
import { aloneBackend } from './backends/broker/alone/backend.js'
import { type BrokerOptions, brokerBackend } from './backends/broker/backend.js'
import type { Notices } from './backends/broker/notices.js'
import { sqsAlone } from './backends/sqs/alone.js'
import { sqsTransport, type SqsOptions as TransportOptions } from './backends/sqs/index.js'
import { openState, refuseUseless } from './broker-state.js'
import type { Backend } from './contract/backend.js'

export interface SqsOptions extends Omit<TransportOptions, 'logger'>, Pick<BrokerOptions, 'clock' | 'heldMax'> {
  /**
   * Where jobs are from their claim on, and those that are not plain from the beginning: a URL (`postgres:` or `sqlite:`), or such a backend. Without
   * one there is what SQS can do by itself: jobs run, wait, are retried and set aside, and nothing is kept of them.
   */
  readonly state?: string | Backend
  /** Default: none; the lines go nowhere. */
  readonly logger?: Notices
}

/**
 * A backend over the queues of Amazon SQS whose names begin with `prefix`. No I/O until its first use. Needs the package `@aws-sdk/client-sqs`. A state
 * that is given as a backend is closed with it.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID} {BACKEND_UNKNOWN}
 * @example const backend = sqs({ region: 'eu-west-1', prefix: 'shop', state: 'postgres://app:secret@db/app' })
 */
export function sqs({ state, clock, heldMax, ...options }: SqsOptions): Backend {
  const { logger } = options
  const common = { ...(logger === undefined ? {} : { logger }), ...(clock === undefined ? {} : { clock }) }
  if (state === undefined) {
    refuseUseless('sqs', { heldMax }, 'without a state')
    return aloneBackend({ ...sqsAlone(options), ...common })
  }
  return brokerBackend({
    transport: sqsTransport(options),
    state: openState(state, logger),
    ...common,
    ...(heldMax === undefined ? {} : { heldMax }),
  })
}
