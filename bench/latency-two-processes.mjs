/** From the call of enqueue in one process to the start of the handler in another. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { latencyMetrics, measureLatency } from './lib/measure-latency.mjs'
import { wallClock } from './lib/meters.mjs'
import { startRole } from './lib/role.mjs'

const CONCURRENCY = 10

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

export const roles = {
  async worker(parent, contender) {
    const system = await contenders[contender].load()
    const handler = async ({ number }) => {
      parent.send('started', { number, at: wallClock() })
    }
    await system.openWorker({ concurrency: CONCURRENCY, handler })
    parent.send('ready')
    await parent.receive('stop')
  },
}

export async function run(contender, count) {
  const worker = startRole(name, 'worker', [contender])
  const system = await contenders[contender].load()
  const producer = await system.openProducer()
  await worker.receive('ready')
  const latency = await measureLatency(producer, count, () => worker.receive('started'))
  worker.send('stop')
  await worker.result
  await producer.close()
  return latency
}
