/** Claiming from a store with a million waiting or scheduled jobs, against one with few. */
import { kerja } from './lib/contenders.mjs'
import { backlogMetrics, backlogScenario } from './lib/scenarios/backlog.mjs'

const behind = (backlog, label) => ({ ...kerja, backlog, label: `Kerja, ${label}` })

export const name = 'backlog'
export const title = 'Claiming beside a million jobs'
export const about = 'A fresh worker process takes two rounds of jobs; the named backlog stays behind them. Scheduled jobs are due in a day.'
export const contenders = {
  few: behind('few', '10k queued'),
  queued: behind('queued', '1M queued'),
  scheduled: behind('scheduled', '1M scheduled'),
}
export const sizes = { full: { few: 10_000, many: 1_000_000, round: 20_000 }, quick: { few: 10_000, many: 100_000, round: 10_000 } }
export const metrics = backlogMetrics
export const goals = ['queued', 'scheduled'].flatMap((of) => ['first', 'next'].map((metric) => ({ metric, of, to: 'few', atLeast: 0.9 })))
export const timeoutMs = 300_000

export const { roles, run } = backlogScenario(name, contenders)
