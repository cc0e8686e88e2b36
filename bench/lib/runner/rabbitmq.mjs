/** The RabbitMQ that brokers are measured on: KERJA_BENCH_RABBITMQ_URL, or one that runs on this machine. Its queues begin with `kerja.v1.bench` or `bench.raw`. */
import amqp from 'amqplib'

const LOCAL_URL = 'amqp://guest:guest@127.0.0.1:5672'
const PRIORITIES = ['critical', 'high', 'normal', 'low', 'bulk']
const REMEDY = 'Start one (on Debian `apt-get install rabbitmq-server`) or set KERJA_BENCH_RABBITMQ_URL to a server that may be loaded.'

export async function openRabbitmq() {
  const url = process.env.KERJA_BENCH_RABBITMQ_URL ?? LOCAL_URL
  const connection = await amqp.connect(url).catch((cause) => {
    throw new Error(`No RabbitMQ answers at ${new URL(url).host}. ${REMEDY}`, { cause })
  })
  const { version } = connection.connection.serverProperties
  let run = 0
  return {
    version,
    /** A measurement of one contender: names of its own, so that it begins with empty queues. */
    next() {
      run += 1
      const prefix = `bench${process.pid}x${run}`
      return {
        durability: 'RabbitMQ, quorum queue, publisher confirms: on disk when acknowledged',
        env: { BENCH_RABBITMQ_URL: url, BENCH_RABBITMQ_PREFIX: prefix },
        async clean() {
          const channel = await connection.createChannel()
          const names = [`bench.raw.${prefix}`, `kerja.v1.${prefix}.dead`]
          for (const priority of PRIORITIES) names.push(`kerja.v1.${prefix}.default.${priority}`)
          for (const name of names) await channel.deleteQueue(name)
          await channel.close()
        },
      }
    },
    close: () => connection.close(),
  }
}
