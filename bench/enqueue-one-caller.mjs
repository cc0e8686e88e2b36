/** Awaited enqueues one after another: every one pays the whole way to the disk. */
import { bullmqSafe, kerja, raw } from './lib/contenders.mjs'
import { enqueueMetrics, measureEnqueue } from './lib/measure-enqueue.mjs'
import { produce } from './lib/produce.mjs'

export const name = 'enqueue-one-caller'
export const title = 'Enqueue, one caller'
export const about = 'One loop that awaits each enqueue. Every contender has fsynced what it acknowledged.'
export const contenders = { kerja, raw, bullmq: bullmqSafe }
export const sizes = { full: { count: 5_000, warmUp: 500 }, quick: { count: 1_000, warmUp: 200 } }
export const metrics = enqueueMetrics
export const goals = [
  { metric: 'rate', of: 'kerja', to: 'raw', atLeast: 0.5 },
  { metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 1.3 },
]

export const run = (contender, size) => measureEnqueue(contenders[contender], size, (producer, count) => produce(producer, { callers: 1, count }))
