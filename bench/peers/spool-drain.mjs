/** How fast jobs that were spooled during an outage reach the server when it answers again. */
import { makePayload } from '../lib/payload.mjs'
import { startRole } from '../lib/role.mjs'
import { kerja } from './contenders.mjs'

const CALLERS = 100

export const name = 'peers/spool-drain'
export const title = 'Draining a spool into PostgreSQL'
export const about =
  'Jobs enqueued while the server is away, then one process that finds it answering: from its start to the last job in the server. With an idempotency key each is decided by itself.'
export const contenders = {
  plain: { ...kerja, label: 'Kerja' },
  keyed: { ...kerja, label: 'Kerja, each with an idempotency key' },
}
export const sizes = { full: { count: 100_000 }, quick: { count: 10_000 } }
export const metrics = { rate: { label: 'jobs/s', digits: 0 } }
export const goals = [{ metric: 'rate', of: 'plain', atLeast: 10_000 }]
export const timeoutMs = 120_000

const load = () => import('../lib/contenders/kerja-spool.mjs')

export const roles = {
  async fill(_parent, contender, count) {
    const producer = await (await load()).openAway()
    let next = 0
    const call = async () => {
      while (next < count) {
        next += 1
        await producer.enqueue(makePayload(next), contender === 'keyed' ? { idempotencyKey: `request-${next}` } : {})
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, call))
    await producer.close()
  },
  async drain(_parent, count) {
    const { BENCH_POSTGRES_URL, BENCH_POSTGRES_SCHEMA } = process.env
    const url = new URL(BENCH_POSTGRES_URL)
    url.searchParams.set('schema', BENCH_POSTGRES_SCHEMA)
    const system = (await load()).withBackend(url.href)
    const startedAt = performance.now()
    let accepted = 0
    const done = new Promise((resolve) => {
      system.events.on('spool.drained', (batch) => {
        accepted += batch.accepted
        if (accepted >= count) resolve()
      })
    })
    await system.open()
    await done
    const seconds = (performance.now() - startedAt) / 1000
    await system.close()
    return { rate: count / seconds }
  },
}

export async function run(contender, { count }) {
  await startRole(name, 'fill', [contender, count]).result
  return startRole(name, 'drain', [count]).result
}
