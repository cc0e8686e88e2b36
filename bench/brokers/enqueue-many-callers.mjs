/** Awaited enqueues of 100 concurrent callers in one process, into RabbitMQ. */
import { enqueueMetrics, measureEnqueue } from '../lib/measure-enqueue.mjs'
import { produce } from '../lib/produce.mjs'
import { alone, raw, withPostgres } from './contenders.mjs'

const CALLERS = 100

export const name = 'brokers/enqueue-many-callers'
export const title = 'Enqueue, 100 concurrent callers'
export const about =
  'One process, 100 loops that each await one enqueue after another. Raw publishes each to one quorum queue and awaits its confirm.'
export const contenders = { alone, withPostgres, raw }
export const sizes = { full: { count: 50_000, warmUp: 5_000 }, quick: { count: 10_000, warmUp: 1_000 } }
export const metrics = enqueueMetrics
export const goals = [{ metric: 'rate', of: 'alone', to: 'raw', atLeast: 0.7 }]

export const run = (contender, size) =>
  measureEnqueue(contenders[contender], size, (producer, count) => produce(producer, { callers: CALLERS, count }))
