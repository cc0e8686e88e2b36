/** graphile-worker as a contender: a local queue of 500 and batched completion, as its page on performance recommends for many short jobs. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { drainWith } from '../../lib/drain.mjs'
import { connectionString, schema, serverCpuSeconds, walBytes } from '../../lib/postgres/server.mjs'
import { untilNoneIn } from '../../lib/postgres/until-none.mjs'
import { spoil } from '../../lib/spoil.mjs'

const TASK = 'noop'
const DAY_MS = 86_400_000
const POOL_SIZE = 10
const BATCHED = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }

// A line per job is not what is measured.
const logger = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message)
})

export async function openProducer() {
  const utils = await makeWorkerUtils({ connectionString, schema, logger, maxPoolSize: POOL_SIZE })
  await utils.migrate()
  return {
    enqueue: (payload) => utils.addJob(TASK, payload),
    enqueueMany: (payloads, { scheduled = false } = {}) => {
      const options = scheduled ? { runAt: new Date(Date.now() + DAY_MS) } : {}
      return utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload, ...options })))
    },
    close: () => utils.release(),
  }
}

/** `handler(payload)` runs each job; `onSettled` is called when it ends, before the batch is stored. */
export const openWorkerWith =
  (worker) =>
  async ({ concurrency, handler, onSettled = () => undefined }) => {
    const preset = { worker: { connectionString, schema, logger, maxPoolSize: POOL_SIZE, concurrentJobs: concurrency, ...worker } }
    const runner = await run({ preset, noHandleSignals: true, taskList: { [TASK]: handler }, parsedCronItems: [] })
    runner.events.on('job:complete', onSettled)
    runner.events.on('job:error', ({ error }) => spoil(`failed: ${error}`))
    return { stored: () => untilNoneIn(`${schema}._private_jobs`), stop: () => runner.stop() }
  }

export const openWorker = openWorkerWith(BATCHED)

export const drain = drainWith(openWorker)

export { serverCpuSeconds, walBytes }
