/** One worker process empties a full queue of no-op jobs. */
import { drainScenario } from '../lib/scenarios/drain.mjs'
import { alone, onPostgres, raw, withPostgres } from './contenders.mjs'

export const name = 'brokers/drain'
export const title = 'Drain, no-op async jobs, concurrency 100'
export const about =
  'A fresh worker process, from its start to the last settlement. Raw consumes with a prefetch of 300 and acknowledges each message by itself. ' +
  'With a state each job is written there before the broker is told to forget it.'
export const contenders = { alone, raw, withPostgres, onPostgres }
export const sizes = { full: 50_000, quick: 10_000 }
export const metrics = {
  rate: { label: 'jobs/s', digits: 0 },
  resident: { label: 'worker RSS max, MiB', digits: 0 },
}
export const goals = [
  { metric: 'rate', of: 'alone', to: 'raw', atLeast: 0.6 },
  { metric: 'rate', of: 'withPostgres', to: 'onPostgres', atLeast: 0.5 },
]

export const { roles, run } = drainScenario(name, contenders)
