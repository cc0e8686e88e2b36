/** From the call of enqueue in one process to the start of the handler in another, by RabbitMQ. */
import { latencyMetrics } from '../lib/measure-latency.mjs'
import { latencyScenario } from '../lib/scenarios/latency.mjs'
import { alone, withPostgres } from './contenders.mjs'

export const name = 'brokers/latency-two-processes'
export const title = 'Idle latency, two processes'
export const about =
  'From the call of enqueue in one process to the start of the handler in another, by wall clocks of one machine; one job at a time with a random pause of 2 to 10 ms between.'
export const contenders = { alone, withPostgres }
export const sizes = { full: 300, quick: 100 }
export const metrics = latencyMetrics
export const goals = [
  { metric: 'p50', of: 'alone', atMost: 5 },
  { metric: 'p99', of: 'alone', atMost: 15 },
]

export const { roles, run } = latencyScenario(name, contenders)
