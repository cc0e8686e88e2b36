/** One worker process empties a full queue of no-op jobs. */
import { costPerJob, residentMiBMax, startCostMeter } from '../meters.mjs'
import { startRole } from '../role.mjs'
import { fillRole } from './fill.mjs'

const CONCURRENCY = 100

/** `roles` and `run` of a drain of `contenders` in the scenario `name`. */
export function drainScenario(name, contenders) {
  const roles = {
    fill: fillRole(contenders),
    async drain(_parent, contender, count) {
      const system = await contenders[contender].load()
      const readCost = await startCostMeter(system)
      const startedAt = performance.now()
      await system.drain({ count, concurrency: CONCURRENCY, toEmpty: true })
      const seconds = (performance.now() - startedAt) / 1000
      const cost = await readCost()
      return { rate: count / seconds, ...costPerJob(cost, count), resident: residentMiBMax() }
    },
  }
  async function run(contender, count) {
    await startRole(name, 'fill', [contender, count]).result
    return startRole(name, 'drain', [contender, count]).result
  }
  return { roles, run }
}
