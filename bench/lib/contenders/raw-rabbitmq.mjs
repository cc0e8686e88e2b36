/** The raw broker as a contender: amqplib on one quorum queue, each publish confirmed, each message acknowledged by itself. */
import amqp from 'amqplib'

const { BENCH_RABBITMQ_URL: url, BENCH_RABBITMQ_PREFIX: prefix } = process.env
const QUEUE = `bench.raw.${prefix}`
const PREFETCH = 300

async function openChannel(make) {
  const connection = await amqp.connect(url)
  const channel = await connection[make]()
  await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  return { connection, channel }
}

export async function openProducer() {
  const { connection, channel } = await openChannel('createConfirmChannel')
  const enqueue = (payload) =>
    new Promise((resolve, reject) => {
      const body = Buffer.from(JSON.stringify(payload))
      channel.publish('', QUEUE, body, { persistent: true, mandatory: true }, (error) => (error === null ? resolve() : reject(error)))
    })
  return {
    enqueue,
    enqueueMany: (payloads) => Promise.all(payloads.map(enqueue)),
    close: () => connection.close(),
  }
}

/** Resolves when `count` messages are acknowledged. */
export async function drain({ count }) {
  const { connection, channel } = await openChannel('createChannel')
  await channel.prefetch(PREFETCH)
  let left = count
  await new Promise((resolve) => {
    channel.consume(QUEUE, (message) => {
      JSON.parse(message.content.toString())
      channel.ack(message)
      left -= 1
      if (left === 0) resolve()
    })
  })
  // Answered when the server has seen what was sent before it: the acknowledgements.
  await channel.checkQueue(QUEUE)
  await connection.close()
}

export const serverCpuSeconds = async () => null
