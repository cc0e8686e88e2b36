/** BullMQ as a contender on either store: one queue, finished jobs removed, otherwise its defaults. */
import { basename } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { drainWith } from '../drain.mjs'
import { spoil } from '../spoil.mjs'

const KEEP_NOTHING = { removeOnComplete: true, removeOnFail: true }
const DAY_MS = 86_400_000
const queueName = basename(process.env.BENCH_STORE)

/** `describe()` gives the `options` of a queue or worker, and the factory of its store where that is not Redis. */
export function bullmqOn(describe) {
  async function openProducer() {
    const { options, factory } = describe()
    const queue = new Queue(queueName, options, factory)
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
  async function openWorker({ concurrency, handler, onSettled = () => undefined }) {
    const { options, factory } = describe()
    const worker = new Worker(queueName, (job) => handler(job.data), { ...options, concurrency }, factory)
    worker.on('completed', onSettled)
    worker.on('failed', (_job, error) => spoil(`failed: ${error.message}`))
    worker.on('error', (error) => console.error(error))
    await worker.waitUntilReady()
    return { stop: () => worker.close(true) }
  }

  return { openProducer, openWorker, drain: drainWith(openWorker) }
}
