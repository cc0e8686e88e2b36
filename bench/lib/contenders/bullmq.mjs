/** BullMQ on Redis as a contender. */
import { Redis } from 'ioredis'
import { bullmqOn } from './bullmq-on.mjs'

// Null is what BullMQ asks of a worker's connection: blocking commands are never given up.
const connect = () => new Redis(process.env.BENCH_REDIS_URL, { maxRetriesPerRequest: null })

export const { openProducer, openWorker, drain } = bullmqOn(() => ({ options: { connection: connect(), prefix: process.env.BENCH_REDIS_PREFIX } }))

let control
/** What the Redis server has used so far. */
export async function serverCpuSeconds() {
  control ??= connect()
  const info = await control.info('cpu')
  const read = (field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN)
  return read('used_cpu_sys') + read('used_cpu_user')
}
