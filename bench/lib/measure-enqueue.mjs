/** Rate and cost of enqueueing: `produceJobs(producer, count)` is run once to warm up and once under the clock. */
import { costPerJob, startCostMeter } from './meters.mjs'

export async function measureEnqueue(contender, { count, warmUp }, produceJobs) {
  const system = await contender.load()
  const producer = await system.openProducer()
  await produceJobs(producer, warmUp)
  const readCost = await startCostMeter(system)
  const startedAt = performance.now()
  await produceJobs(producer, count)
  const seconds = (performance.now() - startedAt) / 1000
  const cost = await readCost()
  await producer.close()
  return { rate: count / seconds, ...costPerJob(cost, count) }
}

export const enqueueMetrics = { rate: { label: 'jobs/s', digits: 0 }, cpu: { label: 'CPU s per 10k', digits: 3 } }
