/** A fresh worker process takes two rounds of jobs from a store that holds more. */
import { startRole } from '../role.mjs'
import { fillRole } from './fill.mjs'

const CONCURRENCY = 100

/** `roles` and `run` for `contenders` in the scenario `name`; `backlog` of each is what stays behind the two rounds: `few`, `queued` or `scheduled`. */
export function backlogScenario(name, contenders) {
  const roles = {
    fill: fillRole(contenders),
    async drain(_parent, contender, size) {
      const system = await contenders[contender].load()
      const startedAt = performance.now()
      let firstAt = 0
      const onProgress = (settled) => {
        if (settled === size.round) firstAt = performance.now()
      }
      await system.drain({ count: 2 * size.round, concurrency: CONCURRENCY, onProgress })
      const nextAt = performance.now()
      return { first: (size.round / (firstAt - startedAt)) * 1000, next: (size.round / (nextAt - firstAt)) * 1000 }
    },
  }
  async function run(contender, size) {
    const { backlog } = contenders[contender]
    if (backlog === 'scheduled') await startRole(name, 'fill', [contender, size.many, { scheduled: true }]).result
    const behind = backlog === 'queued' ? size.many : size.few
    await startRole(name, 'fill', [contender, behind + 2 * size.round]).result
    return startRole(name, 'drain', [contender, size]).result
  }
  return { roles, run }
}

export const backlogMetrics = { first: { label: 'first round, jobs/s', digits: 0 }, next: { label: 'next round, jobs/s', digits: 0 } }
