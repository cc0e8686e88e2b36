/** What the thread of an SQS transport loads. */
import type { LoneTransport } from '../broker/alone/lone-transport.js'
import { createLoneTransport } from './lone.js'
import { type Notices, resolveOptions, type SqsOptions } from './options.js'

export function openTransport(options: unknown, logger: Notices): LoneTransport {
  return createLoneTransport(resolveOptions({ ...(options as SqsOptions), logger }))
}
