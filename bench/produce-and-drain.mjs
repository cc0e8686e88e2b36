/** A producer process and a worker process at once, on one store. */
import { bullmq, kerja } from './lib/contenders.mjs'
import { startCpuMeter, wallClock } from './lib/meters.mjs'
import { produce } from './lib/produce.mjs'
import { startRole } from './lib/role.mjs'

const CALLERS = 100
const CONCURRENCY = 100

export const name = 'produce-and-drain'
export const title = 'Producer and worker at once'
export const about =
  'A producer process with 100 awaiting callers and a worker process with concurrency 100, timed from the first enqueue to the last settlement in the store. ' +
  'CPU counts both and the server.'
export const contenders = { kerja, bullmq }
export const sizes = { full: 50_000, quick: 10_000 }
export const metrics = { rate: { label: 'jobs/s', digits: 0 }, cpu: { label: 'CPU s per 10k', digits: 3 } }
export const goals = [{ metric: 'rate', of: 'kerja', to: 'bullmq', atLeast: 3 }]

const NO_SERVER = { serverCpuSeconds: async () => 0 }

export const roles = {
  async worker(parent, contender, count) {
    const system = await contenders[contender].load()
    // The server is counted once, by the producer.
    const readCpu = await startCpuMeter(NO_SERVER)
    let settled = 0
    await new Promise((resolve, reject) => {
      const onSettled = () => {
        settled += 1
        if (settled === count) resolve()
      }
      system.openWorker({ concurrency: CONCURRENCY, handler: async () => undefined, onSettled }).then(() => parent.send('ready'), reject)
    })
    return { endedAt: wallClock(), cpuSeconds: await readCpu() }
  },
}

export async function run(contender, count) {
  const worker = startRole(name, 'worker', [contender, count])
  const system = await contenders[contender].load()
  const producer = await system.openProducer()
  await worker.receive('ready')
  const readCpu = await startCpuMeter(system)
  const startedAt = wallClock()
  await produce(producer, { callers: CALLERS, count })
  const { endedAt, cpuSeconds } = await worker.result
  const cpu = cpuSeconds + (await readCpu())
  await producer.close()
  return { rate: count / ((endedAt - startedAt) / 1000), cpu: (cpu / count) * 10_000 }
}
