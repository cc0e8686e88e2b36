/** Amazon SQS as a transport: where plain jobs wait. The backend above it is in `broker/`. */
import type { Transport } from '../broker/transport.js'
import { resolveOptions, type SqsOptions } from './options.js'
import { createTransport } from './transport.js'

export type { SqsOptions } from './options.js'

/**
 * A transport over the queues of Amazon SQS whose names begin with `prefix`. No I/O until its first use. Needs the package `@aws-sdk/client-sqs`.
 * Its calls throw STORE_DENIED where credentials or rights are missing.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const transport = sqsTransport({ region: 'eu-west-1', prefix: 'shop' })
 */
export function sqsTransport(options: SqsOptions = {}): Transport {
  return createTransport(resolveOptions(options))
}
