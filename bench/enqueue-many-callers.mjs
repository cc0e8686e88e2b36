/** Awaited enqueues of 100 concurrent callers in one process: what a busy web server does. */
import { bullmq, kerja, raw } from './lib/contenders.mjs'
import { enqueueMetrics, measureEnqueue } from './lib/measure-enqueue.mjs'
import { produce } from './lib/produce.mjs'

const CALLERS = 100

export const name = 'enqueue-many-callers'
export const title = 'Enqueue, 100 concurrent callers'
export const about =
  'One process, 100 loops that each await one enqueue after another. Raw is a group commit in a thread of its own, without a timer.'
export const contenders = { kerja, raw, bullmq }
export const sizes = { full: { count: 100_000, warmUp: 5_000 }, quick: { count: 20_000, warmUp: 2_000 } }
export const metrics = enqueueMetrics
export const goals = [
  { metric: 'rate', of: 'kerja', to: 'raw', atLeast: 0.6 },
  { metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 3 },
]

export const run = (contender, size) =>
  measureEnqueue(contenders[contender], size, (producer, count) => produce(producer, { callers: CALLERS, count }))
