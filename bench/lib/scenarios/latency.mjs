/** From the call of enqueue in one process to the start of the handler in another. */
import { measureLatency } from '../measure-latency.mjs'
import { wallClock } from '../meters.mjs'
import { startRole } from '../role.mjs'

const CONCURRENCY = 10

/** `roles` and `run` of the idle latency between two processes for `contenders` in the scenario `name`. */
export function latencyScenario(name, contenders) {
  const roles = {
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
  async function run(contender, count) {
    const system = await contenders[contender].load()
    // First, so that the two do not create a store at the same moment.
    const producer = await system.openProducer()
    const worker = startRole(name, 'worker', [contender])
    await worker.receive('ready')
    const latency = await measureLatency(producer, count, () => worker.receive('started'))
    worker.send('stop')
    await worker.result
    await producer.close()
    return latency
  }
  return { roles, run }
}
