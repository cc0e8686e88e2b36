/** A producer process and a worker process at once, on one store. */
import { produceAndDrainScenario } from '../lib/scenarios/produce-and-drain.mjs'
import { bullmqPostgres, bullmqRedis, graphile, kerja, POSTGRES_PEERS, pgBoss, shareOf, withShare } from './contenders.mjs'
import { costMetrics, rateMetric } from './metrics.mjs'

// Hundreds of jobs a second, against tens of thousands.
const SHARE = 0.2

export const name = 'peers/produce-and-drain'
export const title = 'Producer and worker at once'
export const about =
  'A producer process with 100 awaiting callers and a worker process with concurrency 100, timed from the first enqueue to the last settlement in the store.'
export const contenders = {
  kerja,
  pgBoss: withShare(pgBoss, SHARE),
  graphile: withShare(graphile, SHARE),
  bullmqPostgres: withShare(bullmqPostgres, SHARE),
  bullmqRedis,
}
export const sizes = { full: 50_000, quick: 10_000 }
export const metrics = { ...rateMetric, ...costMetrics }
export const goals = [
  { metric: 'rate', of: 'kerja', to: POSTGRES_PEERS, atLeast: 15 },
  { metric: 'rate', of: 'kerja', to: 'bullmqRedis', atLeast: 1 },
]

const scenario = produceAndDrainScenario(name, contenders)

export const { roles } = scenario

export const run = (contender, count) => scenario.run(contender, shareOf(contenders[contender], count))
