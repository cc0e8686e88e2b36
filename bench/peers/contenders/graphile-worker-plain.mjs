/** graphile-worker without batches: each job is claimed and completed by itself, which is what it does by default. */
import { drainWith } from '../../lib/drain.mjs'
import { openWorkerWith } from './graphile-worker.mjs'

export { openProducer, serverCpuSeconds, walBytes } from './graphile-worker.mjs'

export const openWorker = openWorkerWith({})

export const drain = drainWith(openWorker)
