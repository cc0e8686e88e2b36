/** Batches of 1000 jobs, one batch after another. */
import { measureEnqueue } from '../lib/measure-enqueue.mjs'
import { produceInBulk } from '../lib/produce.mjs'
import { bullmqPostgres, bullmqRedis, graphile, kerja, PEERS, pgBoss, raw } from './contenders.mjs'
import { costMetrics, rateMetric } from './metrics.mjs'

export const name = 'peers/enqueue-bulk'
export const title = 'Enqueue in bulk, 1000 jobs a call'
export const about = 'One caller that awaits each batch: `enqueueMany`, one insert of 1000 rows, `insert`, `addJobs`, `addBulk`.'
export const contenders = { kerja, raw, pgBoss, graphile, bullmqPostgres, bullmqRedis }
export const sizes = { full: { count: 100_000, warmUp: 5_000 }, quick: { count: 20_000, warmUp: 2_000 } }
export const metrics = { ...rateMetric, ...costMetrics }
export const goals = [{ metric: 'rate', of: 'kerja', to: PEERS, atLeast: 2 }]

export const run = (contender, size) => measureEnqueue(contenders[contender], size, (producer, count) => produceInBulk(producer, { count }))
