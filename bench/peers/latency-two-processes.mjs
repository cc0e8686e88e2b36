/** From the call of enqueue in one process to the start of the handler in another. */
import { latencyMetrics } from '../lib/measure-latency.mjs'
import { latencyScenario } from '../lib/scenarios/latency.mjs'
import { bullmqPostgres, bullmqRedis, graphile, graphilePlain, kerja, pgBoss } from './contenders.mjs'

const GRAPHILE = ['graphile', 'graphilePlain']

export const name = 'peers/latency-two-processes'
export const title = 'Idle latency, two processes'
export const about =
  'From the call of enqueue in one process to the start of the handler in another, by wall clocks of one machine; ' +
  'one job at a time with a random pause of 2 to 10 ms between.'
export const contenders = { kerja, pgBoss, graphile, graphilePlain, bullmqPostgres, bullmqRedis }
export const sizes = { full: 300, quick: 100 }
export const metrics = latencyMetrics
export const goals = [
  { metric: 'p50', of: 'kerja', atMost: 2.5 },
  { metric: 'p99', of: 'kerja', atMost: 6 },
  { metric: 'p50', of: 'kerja', to: GRAPHILE, atMost: 1 },
  { metric: 'p99', of: 'kerja', to: GRAPHILE, atMost: 1 },
]

export const { roles, run } = latencyScenario(name, contenders)
