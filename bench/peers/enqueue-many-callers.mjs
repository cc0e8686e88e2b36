/** Awaited enqueues of 100 concurrent callers in one process: what a busy web server does. */
import { measureEnqueue } from '../lib/measure-enqueue.mjs'
import { produce } from '../lib/produce.mjs'
import { bullmqPostgres, bullmqRedis, graphile, kerja, POSTGRES_PEERS, pgBoss, raw, shareOf, withShare } from './contenders.mjs'
import { costMetrics, rateMetric } from './metrics.mjs'

const CALLERS = 100
// About a thousand jobs a second, against tens of thousands.
const SHARE = 0.05

export const name = 'peers/enqueue-many-callers'
export const title = 'Enqueue, 100 concurrent callers'
export const about =
  'One process, 100 loops that each await one enqueue after another. Raw is a group commit of multi-row inserts over one connection, without a timer.'
export const contenders = {
  kerja,
  raw,
  pgBoss: withShare(pgBoss, SHARE),
  graphile: withShare(graphile, SHARE),
  bullmqPostgres: withShare(bullmqPostgres, SHARE),
  bullmqRedis,
}
export const sizes = { full: { count: 100_000, warmUp: 5_000 }, quick: { count: 20_000, warmUp: 2_000 } }
export const metrics = { ...rateMetric, ...costMetrics }
export const goals = [{ metric: 'rate', of: 'kerja', to: POSTGRES_PEERS, atLeast: 30 }]

export function run(key, { count, warmUp }) {
  const contender = contenders[key]
  const size = { count: shareOf(contender, count), warmUp: shareOf(contender, warmUp) }
  return measureEnqueue(contender, size, (producer, jobs) => produce(producer, { callers: CALLERS, count: jobs }))
}
