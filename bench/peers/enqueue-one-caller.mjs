/** Awaited enqueues one after another: every one pays the whole way to the disk. */
import { measureEnqueue } from '../lib/measure-enqueue.mjs'
import { produce } from '../lib/produce.mjs'
import { bullmqPostgres, bullmqRedisSafe, graphile, kerja, POSTGRES_PEERS, pgBoss, raw } from './contenders.mjs'
import { costMetrics, rateMetric } from './metrics.mjs'

export const name = 'peers/enqueue-one-caller'
export const title = 'Enqueue, one caller'
export const about = 'One loop that awaits each enqueue. Every contender has fsynced what it acknowledged.'
export const contenders = { kerja, raw, pgBoss, graphile, bullmqPostgres, bullmqRedis: bullmqRedisSafe }
export const sizes = { full: { count: 5_000, warmUp: 500 }, quick: { count: 1_000, warmUp: 200 } }
export const metrics = { ...rateMetric, ...costMetrics }
export const goals = [{ metric: 'rate', of: 'kerja', to: POSTGRES_PEERS, atLeast: 1.8 }]

export const run = (contender, size) => measureEnqueue(contenders[contender], size, (producer, count) => produce(producer, { callers: 1, count }))
