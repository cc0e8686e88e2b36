/** What a spool costs: enqueues while the backend answers, and while it is away and they are kept on the local disk. */
import { kerja } from './lib/contenders.mjs'
import { enqueueMetrics, measureEnqueue } from './lib/measure-enqueue.mjs'
import { produce } from './lib/produce.mjs'

const CALLERS = 100

const load = (open) => async () => {
  const module = await import('./lib/contenders/kerja-spool.mjs')
  return { ...module, openProducer: module[open] }
}

export const name = 'spool'
export const title = 'Enqueue with a local spool, 100 concurrent callers'
export const about =
  'The callers of the first table again, with `spool: { path }`: while the backend answers, which uses no spool, and while nobody answers at its address, so that each job is synced to the local disk.'
export const contenders = {
  kerja: { ...kerja, label: 'Kerja, no spool' },
  ready: { ...kerja, label: 'Kerja, spool configured', load: load('openHealthy') },
  away: { ...kerja, label: 'Kerja, backend away', durability: 'file of lines, fsynced: on disk when acknowledged', load: load('openAway') },
}
export const sizes = { full: { count: 100_000, warmUp: 5_000 }, quick: { count: 20_000, warmUp: 2_000 } }
export const metrics = enqueueMetrics
export const goals = [
  { metric: 'rate', of: 'ready', to: 'kerja', atLeast: 0.95 },
  { metric: 'rate', of: 'away', to: 'kerja', atLeast: 0.8 },
]

export const run = (contender, size) =>
  measureEnqueue(contenders[contender], size, (producer, count) => produce(producer, { callers: CALLERS, count }))
