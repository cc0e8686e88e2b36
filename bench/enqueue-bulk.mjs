/** Batches of 1000 jobs, one batch after another. */
import { bullmq, kerja, raw } from './lib/contenders.mjs'
import { enqueueMetrics, measureEnqueue } from './lib/measure-enqueue.mjs'
import { produceInBulk } from './lib/produce.mjs'

export const name = 'enqueue-bulk'
export const title = 'Enqueue in bulk, 1000 jobs a call'
export const about = 'One caller that awaits each batch: `enqueueMany`, one commit in a thread, `addBulk`.'
export const contenders = { kerja, raw, bullmq }
export const sizes = { full: { count: 200_000, warmUp: 10_000 }, quick: { count: 40_000, warmUp: 5_000 } }
export const metrics = enqueueMetrics
export const goals = [{ metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 5 }]

export const run = (contender, size) => measureEnqueue(contenders[contender], size, (producer, count) => produceInBulk(producer, { count }))
