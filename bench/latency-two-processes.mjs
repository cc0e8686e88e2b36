/** From the call of enqueue in one process to the start of the handler in another. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { latencyMetrics } from './lib/measure-latency.mjs'
import { latencyScenario } from './lib/scenarios/latency.mjs'

export const name = 'latency-two-processes'
export const title = 'Idle latency, two processes'
export const about =
  'From the call of enqueue in one process to the start of the handler in another, by wall clocks of one machine; ' +
  'one job at a time with a random pause of 2 to 10 ms between.'
export const contenders = { kerja, bullmq }
export const sizes = { full: 300, quick: 100 }
export const metrics = latencyMetrics
export const goals = [
  { metric: 'p50', of: 'kerja', atMost: 5 },
  { metric: 'p99', of: 'kerja', atMost: 10 },
]

export const { roles, run } = latencyScenario(name, contenders)
