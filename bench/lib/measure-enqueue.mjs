/** Rate and CPU of enqueueing: `produceJobs(producer, count)` is run once to warm up and once under the clock. */
import { startCpuMeter } from './meters.mjs'

export async function measureEnqueue(contender, { count, warmUp }, produceJobs) {
  const system = await contender.load()
  const producer = await system.openProducer()
  await produceJobs(producer, warmUp)
  const readCpu = await startCpuMeter(system)
  const startedAt = performance.now()
  await produceJobs(producer, count)
  const seconds = (performance.now() - startedAt) / 1000
  const cpuSeconds = await readCpu()
  await producer.close()
  return { rate: count / seconds, cpu: (cpuSeconds / count) * 10_000 }
}

export const enqueueMetrics = { rate: { label: 'jobs/s', digits: 0 }, cpu: { label: 'CPU s per 10k', digits: 3 } }
