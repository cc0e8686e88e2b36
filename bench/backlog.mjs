/** Claiming from a store with a million waiting or scheduled jobs, against one with few. */
import { kerja } from './lib/contenders.mjs'
import { produceInBulk } from './lib/produce.mjs'
import { startRole } from './lib/role.mjs'

const CONCURRENCY = 100

const behind = (label) => ({ ...kerja, label: `Kerja, ${label}` })

export const name = 'backlog'
export const title = 'Claiming beside a million jobs'
export const about = 'A fresh worker process takes two rounds of jobs; the named backlog stays behind them. Scheduled jobs are due in a day.'
export const contenders = { few: behind('10k queued'), queued: behind('1M queued'), scheduled: behind('1M scheduled') }
export const sizes = { full: { few: 10_000, many: 1_000_000, round: 20_000 }, quick: { few: 10_000, many: 100_000, round: 10_000 } }
export const metrics = { first: { label: 'first round, jobs/s', digits: 0 }, next: { label: 'next round, jobs/s', digits: 0 } }
export const goals = ['queued', 'scheduled'].flatMap((of) => ['first', 'next'].map((metric) => ({ metric, of, to: 'few', atLeast: 0.9 })))
export const timeoutMs = 300_000

export const roles = {
  async fill(_parent, contender, size) {
    const producer = await (await kerja.load()).openProducer()
    if (contender === 'scheduled') await produceInBulk(producer, { count: size.many, scheduled: true })
    const queued = contender === 'queued' ? size.many : size.few
    await produceInBulk(producer, { count: queued + 2 * size.round })
    await producer.close()
  },
  async drain(_parent, size) {
    const system = await kerja.load()
    const startedAt = performance.now()
    let firstAt = 0
    const onProgress = (settled) => {
      if (settled === size.round) firstAt = performance.now()
    }
    await system.drain({ count: 2 * size.round, concurrency: CONCURRENCY, onProgress })
    const nextAt = performance.now()
    return { first: (size.round / (firstAt - startedAt)) * 1000, next: (size.round / (nextAt - firstAt)) * 1000 }
  },
}

export async function run(contender, size) {
  await startRole(name, 'fill', [contender, size]).result
  return startRole(name, 'drain', [size]).result
}
