/** What an idle worker costs a server that holds a million scheduled jobs: the price of claims that find nothing. */
import { sleep } from '../lib/meters.mjs'
import { claimDurations } from '../lib/postgres/statement-log.mjs'
import { startRole } from '../lib/role.mjs'
import { fillRole } from '../lib/scenarios/fill.mjs'
import { percentile } from '../lib/statistics.mjs'
import { graphile, kerja, pgBoss } from './contenders.mjs'

const CONCURRENCY = 100
// Starting up is not idling.
const SETTLE_MS = 3_000
const PEER_ROUNDS_MAX = 1

export const name = 'peers/idle-beside-scheduled'
export const title = 'An idle worker beside a million scheduled jobs'
export const about =
  'One worker process with nothing to do; the jobs are due in a day. A claim is a statement that skips locked rows, timed by the server ' +
  '(`log_min_duration_statement`). CPU is all of the server’s: claims, heartbeats, maintenance. Peers are measured once.'
export const contenders = {
  kerja: { ...kerja, roundsMax: 3 },
  graphile: { ...graphile, roundsMax: PEER_ROUNDS_MAX },
  pgBoss: { ...pgBoss, roundsMax: PEER_ROUNDS_MAX },
}
export const sizes = { full: { count: 1_000_000, idleMs: 20_000 }, quick: { count: 50_000, idleMs: 6_000 } }
export const metrics = {
  claim: { label: 'empty claim p50, ms', digits: 2 },
  claimMax: { label: 'max, ms', digits: 2 },
  claims: { label: 'claims per s', digits: 2 },
  serverCpu: { label: 'server CPU, ms per s', digits: 2 },
}
export const goals = [
  { metric: 'claim', of: 'kerja', atMost: 2 },
  { metric: 'serverCpu', of: 'kerja', to: ['graphile', 'pgBoss'], atMost: 1 },
]
export const timeoutMs = 300_000

export const roles = {
  fill: fillRole(contenders),
  async idle(_parent, contender, idleMs) {
    const system = await contenders[contender].load()
    await system.openWorker({ concurrency: CONCURRENCY, handler: async () => undefined })
    await sleep(SETTLE_MS)
    const serverBefore = await system.serverCpuSeconds()
    const readClaims = claimDurations()
    await sleep(idleMs)
    const durations = await readClaims()
    const serverAfter = await system.serverCpuSeconds()
    const hasClaims = durations !== null && durations.length > 0
    return {
      claim: hasClaims ? percentile(durations, 0.5) : null,
      claimMax: hasClaims ? Math.max(...durations) : null,
      claims: durations === null ? null : durations.length / (idleMs / 1000),
      serverCpu: serverAfter === null ? null : ((serverAfter - serverBefore) * 1_000_000) / idleMs,
    }
  },
}

export async function run(contender, { count, idleMs }) {
  await startRole(name, 'fill', [contender, count, { scheduled: true }]).result
  return startRole(name, 'idle', [contender, idleMs]).result
}
