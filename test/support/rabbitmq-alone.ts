/** What a Kerja without a state leaves on the RabbitMQ of the tests, and how it goes. */
import { RUNGS, rungName } from '../../dist/backends/rabbitmq/delays.js'
import { rabbitmqTopology, rabbitmqUrl, withConnection } from './rabbitmq.js'

export async function removeAlone(prefix: string, queues: readonly string[]): Promise<void> {
  await withConnection(rabbitmqUrl(), async (connection) => {
    const channel = await connection.createChannel()
    for (const { name } of rabbitmqTopology({ prefix, queues })) await channel.deleteQueue(name)
    for (const queue of queues) await channel.deleteQueue(`kerja.v1.${prefix}.${queue}!suspects.normal`)
    for (const rung of RUNGS) {
      await channel.deleteQueue(rungName(prefix, rung))
      await channel.deleteExchange(rungName(prefix, rung))
    }
  })
}
