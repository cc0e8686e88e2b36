/** From the call of enqueue to the start of the handler, both in one process. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { latencyMetrics, measureLatency } from './lib/measure-latency.mjs'
import { wallClock } from './lib/meters.mjs'

const CONCURRENCY = 10

export const name = 'latency-one-process'
export const title = 'Idle latency, one process'
export const about =
  'From the call of enqueue to the start of the handler, in the same process; one job at a time with a random pause of 2 to 10 ms between.'
export const contenders = { kerja, bullmq }
export const sizes = { full: 300, quick: 100 }
export const metrics = latencyMetrics
export const goals = [
  { metric: 'p50', of: 'kerja', atMost: 1 },
  { metric: 'p99', of: 'kerja', atMost: 10 },
]

export async function run(contender, count) {
  const system = await contenders[contender].load()
  let started = () => undefined
  const handler = async ({ number }) => {
    started({ number, at: wallClock() })
  }
  const nextStart = () =>
    new Promise((resolve) => {
      started = resolve
    })
  const worker = await system.openWorker({ concurrency: CONCURRENCY, handler })
  const producer = await system.openProducer()
  const latency = await measureLatency(producer, count, nextStart)
  await worker.stop()
  await producer.close()
  return latency
}
