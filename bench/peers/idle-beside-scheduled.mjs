/** What an idle worker costs a server that holds a million scheduled jobs: the price of claims that find nothing. */
import { sleep, startCostMeter } from '../lib/meters.mjs'
import { makePayload } from '../lib/payload.mjs'
import { claimDurations } from '../lib/postgres/statement-log.mjs'
import { startRole } from '../lib/role.mjs'
import { fillRole } from '../lib/scenarios/fill.mjs'
import { percentile } from '../lib/statistics.mjs'
import { graphile, kerja, pgBoss } from './contenders.mjs'

const CONCURRENCY = 100
const MS_PER_SECOND = 1_000
// Starting up is not idling.
const SETTLE_MS = 3_000
const TRICKLE_MS = 250
// What a claim looks like where the contender does not say.
const SKIPS_LOCKED = /skip\s+locked/i
const PEER_ROUNDS_MAX = 1

export const name = 'peers/idle-beside-scheduled'
export const title = 'An idle worker beside a million scheduled jobs'
export const about =
  'One worker process with nothing to do; the jobs are due in a day. CPU is all of the server’s: claims, heartbeats, maintenance. Claims are then also watched while ' +
  'a job comes every 250 ms, so that each finds one or none; the server times them (`log_min_duration_statement`). Peers are measured once.'
export const contenders = {
  kerja: { ...kerja, roundsMax: 3 },
  graphile: { ...graphile, roundsMax: PEER_ROUNDS_MAX },
  pgBoss: { ...pgBoss, roundsMax: PEER_ROUNDS_MAX },
}
export const sizes = { full: { count: 1_000_000, idleMs: 20_000, trickleMs: 5_000 }, quick: { count: 50_000, idleMs: 5_000, trickleMs: 3_000 } }
export const metrics = {
  serverCpu: { label: 'idle: server CPU, ms per s', digits: 2 },
  claims: { label: 'idle: claims per s', digits: 2 },
  claim: { label: 'claim p50, ms', digits: 2 },
  claimMax: { label: 'claim max, ms', digits: 2 },
}
export const goals = [{ metric: 'claim', of: 'kerja', atMost: 2 }]
export const timeoutMs = 300_000

async function trickle(producer, forMs) {
  for (let at = 0; at < forMs; at += TRICKLE_MS) {
    await producer.enqueue(makePayload(at))
    await sleep(TRICKLE_MS)
  }
}

export const roles = {
  fill: fillRole(contenders),
  async watch(_parent, contender, { idleMs, trickleMs }) {
    const system = await contenders[contender].load()
    const { claimPattern = SKIPS_LOCKED } = system
    const producer = await system.openProducer()
    await system.openWorker({ concurrency: CONCURRENCY, handler: async () => undefined })
    await sleep(SETTLE_MS)
    const readIdle = claimDurations(claimPattern)
    const readCost = await startCostMeter(system)
    await sleep(idleMs)
    const { server } = await readCost()
    const idle = await readIdle()
    const readBusy = claimDurations(claimPattern)
    await trickle(producer, trickleMs)
    const busy = await readBusy()
    const durations = [...(idle ?? []), ...(busy ?? [])]
    const isKnown = durations.length > 0
    return {
      serverCpu: server === null ? null : (server * MS_PER_SECOND) / (idleMs / MS_PER_SECOND),
      claims: idle === null ? null : idle.length / (idleMs / MS_PER_SECOND),
      claim: isKnown ? percentile(durations, 0.5) : null,
      claimMax: isKnown ? Math.max(...durations) : null,
    }
  },
}

export async function run(contender, size) {
  await startRole(name, 'fill', [contender, size.count, { scheduled: true }]).result
  return startRole(name, 'watch', [contender, size]).result
}
