/** pg-boss as a contender: wake-ups by NOTIFY, batches of 500 in four workers that fetch on while batches are full, jobs settled one by one by their result. */
import { PgBoss } from 'pg-boss'
import { drainWith } from '../../lib/drain.mjs'
import { connectionString, schema, serverCpuSeconds, walBytes } from '../../lib/postgres/server.mjs'
import { untilNoneIn } from '../../lib/postgres/until-none.mjs'
import { spoil } from '../../lib/spoil.mjs'

const QUEUE = 'noop'
const DAY_SECONDS = 86_400
const WORK = { batchSize: 500, localConcurrency: 4, burstWhenBatchFull: true, perJobResults: true }

async function open() {
  const boss = new PgBoss({ connectionString, schema, useListenNotify: true })
  boss.on('error', (error) => console.error(error))
  await boss.start()
  if ((await boss.getQueue(QUEUE)) === null) await boss.createQueue(QUEUE, { notify: true })
  return boss
}

export async function openProducer() {
  const boss = await open()
  return {
    enqueue: (payload) => boss.send(QUEUE, payload),
    enqueueMany: (payloads, { scheduled = false } = {}) => {
      const options = scheduled ? { startAfter: DAY_SECONDS } : {}
      return boss.insert(
        QUEUE,
        payloads.map((data) => ({ data, ...options })),
      )
    },
    close: () => boss.stop({ graceful: false }),
  }
}

/** `handler(payload)` runs each job; `onSettled` is called when it ends, before the batch is stored. */
export async function openWorker({ handler, onSettled = () => undefined }) {
  const boss = await open()
  await boss.work(QUEUE, WORK, (jobs) =>
    Promise.all(
      jobs.map(async ({ id, data }) => {
        await handler(data).catch((error) => spoil(`failed: ${error.message}`))
        onSettled()
        return { id, status: 'completed' }
      }),
    ),
  )
  return { stored: () => untilNoneIn(`${schema}.job WHERE state < 'completed'`), stop: () => boss.stop() }
}

export const drain = drainWith(openWorker)

export { serverCpuSeconds, walBytes }
