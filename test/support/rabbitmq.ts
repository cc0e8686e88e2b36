/** The RabbitMQ that tests share: queues of its own for each test. */
import { randomUUID } from 'node:crypto'
import { type ChannelModel, connect } from 'amqplib'
import { onTestFinished } from 'vitest'
import type { IncomingMessage, OutgoingMessage, Transport } from '../../dist/backends/broker/transport.js'
import { type RabbitmqTransportOptions, rabbitmqTopology, rabbitmqTransport } from '../../dist/backends/rabbitmq/index.js'

export type { IncomingMessage, Transport } from '../../dist/backends/broker/transport.js'
export { rabbitmqTopology, rabbitmqTransport } from '../../dist/backends/rabbitmq/index.js'

/** @throws with the remedy when there is no server. */
export function rabbitmqUrl(): string {
  const url = process.env.KERJA_TEST_RABBITMQ
  if (url === undefined) throw new Error(process.env.KERJA_TEST_RABBITMQ_TROUBLE ?? 'Run the tests by `npm test`, which finds a RabbitMQ.')
  return url
}

export interface Place {
  readonly url: string
  readonly prefix: string
  /** The name of a queue at the broker; `dead` for the dead one. */
  nameOf(queue: string, priority?: string): string
  /** Closed when the test ends. */
  transport(options?: Partial<RabbitmqTransportOptions>): Transport
  /** A connection of the library's, beside ours. */
  connection(): Promise<ChannelModel>
}

/** Queues that are removed when the test ends. */
export function newPlace({ url = rabbitmqUrl(), queues = ['default'] }: { readonly url?: string; readonly queues?: readonly string[] } = {}): Place {
  const prefix = `test-${randomUUID().slice(0, 13)}`
  onTestFinished(async () => {
    await withConnection(url, async (connection) => {
      const channel = await connection.createChannel()
      for (const { name } of rabbitmqTopology({ prefix, queues })) await channel.deleteQueue(name)
    })
  })
  return {
    url,
    prefix,
    nameOf: (queue, priority = 'normal') => `kerja.v1.${prefix}.${queue === 'dead' ? 'dead' : `${queue}.${priority}`}`,
    transport(options = {}) {
      const transport = rabbitmqTransport({ url, prefix, ...options })
      onTestFinished(() => transport.close())
      return transport
    },
    async connection() {
      const connection = await connect(url)
      connection.on('error', () => undefined)
      onTestFinished(() => connection.close().catch(() => undefined))
      return connection
    },
  }
}

/** Does nothing when the server is gone for good. */
export async function withConnection(url: string, act: (connection: ChannelModel) => Promise<void>): Promise<void> {
  const connection = await connect(url).catch(() => null)
  if (connection === null) return
  connection.on('error', () => undefined)
  await act(connection).finally(() => connection.close().catch(() => undefined))
}

let count = 0
export const message = (given: Partial<OutgoingMessage> = {}): OutgoingMessage => {
  count += 1
  return { id: randomUUID(), queue: 'default', priority: 2, group: null, body: `body ${count}`, ...given }
}
export const messages = (howMany: number, given: Partial<OutgoingMessage> = {}): OutgoingMessage[] =>
  Array.from({ length: howMany }, () => message(given))
export const bodies = (received: readonly { readonly body: string }[]): string[] => received.map(({ body }) => body)

/** All that can be had, until there is none. */
export async function drain(transport: Transport, queue = 'default', max = 1_000): Promise<IncomingMessage[]> {
  const all: IncomingMessage[] = []
  for (;;) {
    const some = await transport.receive(queue, max)
    if (some.length === 0) return all
    all.push(...some)
    await transport.acknowledge(some)
  }
}
