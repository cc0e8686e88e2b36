/** One worker process empties a full queue of no-op jobs. */
import { drainScenario } from '../lib/scenarios/drain.mjs'
import { bullmqPostgres, bullmqRedis, graphile, kerja, PEERS, POSTGRES_PEERS, pgBoss, raw, shareOf, withShare } from './contenders.mjs'
import { costMetrics, rateMetric } from './metrics.mjs'

export const name = 'peers/drain'
export const title = 'Drain, no-op async jobs, concurrency 100'
export const about =
  'A fresh worker process, timed from the start of the worker to the last settlement in the store. ' +
  'Raw is four connections, each ending one batch of 100 and claiming the next in one statement, and runs no handler at all.'
export const contenders = { kerja, raw, pgBoss, graphile, bullmqPostgres: withShare(bullmqPostgres, 0.05), bullmqRedis }
export const sizes = { full: 100_000, quick: 20_000 }
export const metrics = { ...rateMetric, ...costMetrics, resident: { label: 'worker RSS max, MiB', digits: 0 } }
export const goals = [
  { metric: 'rate', of: 'kerja', to: PEERS, atLeast: 1.5 },
  { metric: 'rate', of: 'kerja', to: 'raw', atLeast: 0.6 },
  { metric: 'serverCpu', of: 'kerja', to: POSTGRES_PEERS, atMost: 1 },
  { metric: 'cpu', of: 'kerja', atMost: 0.45 },
  { metric: 'resident', of: 'kerja', atMost: 110 },
]

const scenario = drainScenario(name, contenders)

export const { roles } = scenario

export const run = (contender, count) => scenario.run(contender, shareOf(contenders[contender], count))
