/** Claiming from a store with a million waiting or scheduled jobs, against one with few. */
import { backlogMetrics, backlogScenario } from '../lib/scenarios/backlog.mjs'
import { graphile, kerja, pgBoss } from './contenders.mjs'

const BACKLOGS = { few: '10k queued', queued: '1M queued', scheduled: '1M scheduled' }
// A million jobs through a peer's own bulk call takes half a minute.
const PEER_ROUNDS_MAX = 1

/** The contender with each backlog behind it: `fewX`, `queuedX`, `scheduledX`. */
function variants(contender, suffix, rest) {
  const entries = Object.entries(BACKLOGS).map(([backlog, label]) => [
    `${backlog}${suffix}`,
    { ...contender, ...rest, backlog, label: `${contender.label}, ${label}` },
  ])
  return Object.fromEntries(entries)
}

export const name = 'peers/backlog'
export const title = 'Claiming beside a million jobs'
export const about =
  'A fresh worker process takes two rounds of jobs; the named backlog stays behind them. Scheduled jobs are due in a day. ' +
  'Peers are measured once, and BullMQ not at all: its million would take minutes.'
export const contenders = {
  ...variants(kerja, '', { roundsMax: 3 }),
  ...variants(graphile, 'Graphile', { roundsMax: PEER_ROUNDS_MAX }),
  ...variants(pgBoss, 'PgBoss', { roundsMax: PEER_ROUNDS_MAX }),
}
export const sizes = { full: { few: 10_000, many: 1_000_000, round: 20_000 }, quick: { few: 10_000, many: 50_000, round: 10_000 } }
export const metrics = backlogMetrics
export const goals = ['queued', 'scheduled'].flatMap((of) => ['first', 'next'].map((metric) => ({ metric, of, to: 'few', atLeast: 0.9 })))
export const timeoutMs = 400_000

export const { roles, run } = backlogScenario(name, contenders)
