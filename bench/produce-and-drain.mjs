/** A producer process and a worker process at once, on one store. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { produceAndDrainScenario } from './lib/scenarios/produce-and-drain.mjs'

export const name = 'produce-and-drain'
export const title = 'Producer and worker at once'
export const about =
  'A producer process with 100 awaiting callers and a worker process with concurrency 100, timed from the first enqueue to the last settlement in the store. ' +
  'CPU counts both and the server.'
export const contenders = { kerja, bullmq }
export const sizes = { full: 50_000, quick: 10_000 }
export const metrics = { rate: { label: 'jobs/s', digits: 0 }, cpu: { label: 'CPU s per 10k', digits: 3 } }
export const goals = [{ metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 3 }]

export const { roles, run } = produceAndDrainScenario(name, contenders)
