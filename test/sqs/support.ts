/** Transports over the hostile SQS (kind unless a test says otherwise), and messages for them. */
import { afterEach } from 'vitest'
import type { OutgoingMessage, Transport } from '../../dist/backends/broker/transport.js'
import { sqsTransport } from '../../dist/backends/sqs/index.js'
import type { SqsOptions } from '../../dist/backends/sqs/options.js'
import { type HostileOptions, type HostileSqs, startHostileSqs } from '../support/hostile-sqs.js'

const left: (() => Promise<void>)[] = []
afterEach(async () => {
  // Newest first: transports before their servers.
  while (left.length > 0) await left.pop()?.()
})

export async function hostile(options?: HostileOptions): Promise<HostileSqs> {
  const server = await startHostileSqs(options)
  left.push(() => server.stop())
  return server
}

export function transportOf(server: { readonly options: SqsOptions }, options: SqsOptions = {}): Transport {
  const transport = sqsTransport({ ...server.options, ...options })
  left.push(() => transport.close())
  return transport
}

let messageCount = 0

/** A plain one, different from all others. */
export function message(fields: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const id = crypto.randomUUID()
  return { id, queue: 'mail', priority: 2, group: null, body: JSON.stringify({ id, number: ++messageCount }), ...fields }
}

export const messages = (count: number, fields: Partial<OutgoingMessage> = {}): OutgoingMessage[] =>
  Array.from({ length: count }, () => message(fields))

export const bodiesOf = (received: readonly { readonly body: string }[]): string[] => received.map(({ body }) => body)
