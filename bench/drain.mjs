/** One worker process empties a full queue of no-op jobs. */
import { bullmq, kerja, raw } from './lib/contenders.mjs'
import { drainScenario } from './lib/scenarios/drain.mjs'

export const name = 'drain'
export const title = 'Drain, no-op async jobs, concurrency 100'
export const about =
  'A fresh worker process, timed from the start of the worker to the last settlement in the store. ' +
  'Raw ends one batch of 100 and claims the next in one commit, and runs no handler at all. CPU counts the worker and the server.'
export const contenders = { kerja, raw, bullmq }
export const sizes = { full: 100_000, quick: 20_000 }
export const metrics = {
  rate: { label: 'jobs/s', digits: 0 },
  cpu: { label: 'CPU s per 10k', digits: 3 },
  resident: { label: 'worker RSS max, MiB', digits: 0 },
}
export const goals = [
  { metric: 'rate', of: 'kerja', to: 'raw', atLeast: 0.6 },
  { metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 4 },
  { metric: 'cpu', of: 'kerja', atMost: 0.3 },
]

export const { roles, run } = drainScenario(name, contenders)
