/** A producer process and a worker process at once, on one store. */
import { costPerJob, startCostMeter, wallClock } from '../meters.mjs'
import { produce } from '../produce.mjs'
import { startRole } from '../role.mjs'

const CALLERS = 100
const CONCURRENCY = 100
// The server is counted once, by the producer.
const NO_SERVER = { serverCpuSeconds: async () => 0 }

/** `roles` and `run` of both at once for `contenders` in the scenario `name`. */
export function produceAndDrainScenario(name, contenders) {
  const roles = {
    async worker(parent, contender, count) {
      const system = await contenders[contender].load()
      const readCost = await startCostMeter(NO_SERVER)
      await system.drain({ count, concurrency: CONCURRENCY, toEmpty: true, onOpen: () => parent.send('ready') })
      const endedAt = wallClock()
      return { endedAt, client: (await readCost()).client }
    },
  }
  async function run(contender, count) {
    const system = await contenders[contender].load()
    // First, so that the two do not create a store at the same moment.
    const producer = await system.openProducer()
    const worker = startRole(name, 'worker', [contender, count])
    await worker.receive('ready')
    const readCost = await startCostMeter(system)
    const startedAt = wallClock()
    await produce(producer, { callers: CALLERS, count })
    const { endedAt, client } = await worker.result
    const cost = await readCost()
    await producer.close()
    return { rate: count / ((endedAt - startedAt) / 1000), ...costPerJob({ ...cost, client: cost.client + client }, count) }
  }
  return { roles, run }
}
