/** The raw PostgreSQL engine as a contender. */
import { sleep } from '../meters.mjs'
import { serverCpuSeconds, walBytes } from '../postgres/server.mjs'
import { groupCommits } from '../raw/group-commit.mjs'
import { insertJobs, openJobsTable, settleAndClaim } from '../raw/postgres-table.mjs'

const CONNECTIONS = 4
const IDLE_MS = 1

/** Group commit over one connection. */
export async function openProducer() {
  const client = await openJobsTable()
  const { enqueue, enqueueMany } = groupCommits((payloads) => insertJobs(client, payloads))
  const schedule = (payloads) =>
    insertJobs(
      client,
      payloads.map((payload) => JSON.stringify(payload)),
      { scheduled: true },
    )
  return {
    enqueue,
    enqueueMany: (payloads, { scheduled = false } = {}) => (scheduled ? schedule(payloads) : enqueueMany(payloads)),
    close: () => client.end(),
  }
}

/** Resolves when `count` jobs are gone: four connections, each settling one batch and claiming the next. */
export async function drain({ count, concurrency, onProgress = () => undefined, onOpen = () => undefined }) {
  let settledCount = 0
  async function loop(client, worker) {
    let claimed = []
    while (settledCount < count) {
      const settled = claimed
      claimed = await settleAndClaim(client, { settled, worker, limit: concurrency })
      for (let index = 0; index < settled.length; index += 1) onProgress(++settledCount)
      if (settled.length === 0 && claimed.length === 0) await sleep(IDLE_MS)
    }
  }
  const clients = []
  // One after another: the first may have to create the table.
  while (clients.length < CONNECTIONS) clients.push(await openJobsTable())
  onOpen()
  await Promise.all(clients.map((client, index) => loop(client, `worker-${index + 1}`)))
  await Promise.all(clients.map((client) => client.end()))
}

export { serverCpuSeconds, walBytes }
