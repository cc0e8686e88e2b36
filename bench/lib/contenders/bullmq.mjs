/** BullMQ as a contender: one queue, finished jobs removed, otherwise its defaults. */
import { basename } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { drainWith } from '../drain.mjs'
import { spoil } from '../spoil.mjs'

const KEEP_NOTHING = { removeOnComplete: true, removeOnFail: true }
const DAY_MS = 86_400_000
const queueName = basename(process.env.BENCH_STORE)

// Null is what BullMQ asks of a worker's connection: blocking commands are never given up.
const connect = () => new Redis(process.env.BENCH_REDIS_URL, { maxRetriesPerRequest: null })
const options = () => ({ connection: connect(), prefix: process.env.BENCH_REDIS_PREFIX })

export async function openProducer() {
  const queue = new Queue(queueName, options())
  await queue.waitUntilReady()
  return {
    enqueue: (payload) => queue.add('noop', payload, KEEP_NOTHING),
    enqueueMany: (payloads, { scheduled = false } = {}) => {
      const jobOptions = scheduled ? { ...KEEP_NOTHING, delay: DAY_MS } : KEEP_NOTHING
      return queue.addBulk(payloads.map((data) => ({ name: 'noop', data, opts: jobOptions })))
    },
    close: () => queue.close(),
  }
}

/** `handler(payload)` runs each job; `onSettled` is called when its end is stored. */
export async function openWorker({ concurrency, handler, onSettled = () => undefined }) {
  const worker = new Worker(queueName, (job) => handler(job.data), { ...options(), concurrency })
  worker.on('completed', onSettled)
  worker.on('failed', (_job, error) => spoil(`failed: ${error.message}`))
  worker.on('error', (error) => console.error(error))
  await worker.waitUntilReady()
  return { stop: () => worker.close(true) }
}

export const drain = drainWith(openWorker)

let control
/** What the Redis server has used so far. */
export async function serverCpuSeconds() {
  control ??= connect()
  const info = await control.info('cpu')
  const read = (field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN)
  return read('used_cpu_sys') + read('used_cpu_user')
}
