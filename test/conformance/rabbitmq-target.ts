/** Queues of RabbitMQ for one case of the conformance suite, deleted after it over one connection that all cases share. */
import { randomUUID } from 'node:crypto'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll } from 'vitest'
import type { Transport } from '../../dist/backends/broker/transport.js'
import { rabbitmqTopology, rabbitmqTransport, rabbitmqUrl } from '../support/rabbitmq.js'
import type { BrokerPlace } from './broker-target.js'

/** In the file that runs the suite. */
export function rabbitmqPlaces(): { readonly example: Transport; readonly open: () => BrokerPlace } {
  let administrator: Promise<{ readonly connection: ChannelModel; readonly channel: Channel }> | undefined

  async function administer(): Promise<{ readonly connection: ChannelModel; readonly channel: Channel }> {
    const connection = await connect(rabbitmqUrl())
    return { connection, channel: await connection.createChannel() }
  }

  afterAll(async () => {
    await (await administrator)?.connection.close()
  })

  return {
    example: rabbitmqTransport({ url: 'amqp://unused' }),
    open() {
      const prefix = `conformance-${randomUUID().slice(0, 8)}`
      const used = new Set<string>()
      return {
        connect: () => remembering(rabbitmqTransport({ url: rabbitmqUrl(), prefix }), used),
        async remove() {
          administrator ??= administer()
          const { channel } = await administrator
          await Promise.all(rabbitmqTopology({ prefix, queues: [...used] }).map(({ name }) => channel.deleteQueue(name)))
        },
      }
    },
  }
}

/** Notes which queues exist because of it. */
function remembering(transport: Transport, used: Set<string>): Transport {
  return {
    ...transport,
    send(messages) {
      for (const { queue } of messages) used.add(queue)
      return transport.send(messages)
    },
    receive(queue, max) {
      used.add(queue)
      return transport.receive(queue, max)
    },
    watch(queues, onArrival) {
      for (const queue of queues) used.add(queue)
      return transport.watch(queues, onArrival)
    },
  }
}
