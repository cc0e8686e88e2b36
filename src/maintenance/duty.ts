/**
 * Runs a worker's background duties, each on a timer of its own. A duty that fails is logged and tried at its next time; a slow one never
 * overlaps itself. Those marked `leader` run in one process at a time.
 */
import type { Coordination } from '../contract/coordination.js'
import { DEFAULTS } from '../core/options.js'

export interface Duty {
  readonly name: string
  readonly everyMs: number
  /** One process at a time. Others run everywhere: they are safe to run twice. */
  readonly leader: boolean
  run(): Promise<void>
}

export interface DutyRunnerOptions {
  readonly duties: readonly Duty[]
  readonly workerId: () => string
  readonly coordination: Pick<Coordination, 'lead' | 'resign'>
  readonly random: () => number
  readonly onTrouble: (error: unknown) => void
}

export interface DutyRunner {
  start(): void
  /** Waits for what is under way, then gives up the leadership so that the next worker leads at once. */
  stop(): Promise<void>
}

const LEADER_ROLE = 'maintenance'

export function createDutyRunner(options: DutyRunnerOptions): DutyRunner {
  const timers = new Map<Duty, NodeJS.Timeout>()
  const underway = new Set<Promise<void>>()
  let stopped = false
  let leads = false
  let leadsUntilMs = 0

  // Leadership is renewed at a third of its time, so that a slow renewal does not end it.
  const isLeader = async (): Promise<boolean> => {
    if (performance.now() < leadsUntilMs) return leads
    leads = await options.coordination.lead({ role: LEADER_ROLE, workerId: options.workerId(), ttlMs: DEFAULTS.maintenance.leaderTtlMs })
    leadsUntilMs = performance.now() + (leads ? DEFAULTS.maintenance.leaderTtlMs / 3 : DEFAULTS.maintenance.rescueMs)
    return leads
  }

  const runOnce = async (duty: Duty): Promise<void> => {
    try {
      if (!duty.leader || (await isLeader())) await duty.run()
    } catch (error) {
      options.onTrouble(error)
    }
  }

  const plan = (duty: Duty, waitMs: number): void => {
    if (stopped) return
    const timer = setTimeout(() => {
      const run = runOnce(duty).finally(() => {
        underway.delete(run)
        // Jitter keeps the workers of a fleet apart.
        plan(duty, duty.everyMs * (0.9 + options.random() * 0.2))
      })
      underway.add(run)
    }, waitMs)
    timer.unref()
    timers.set(duty, timer)
  }

  return {
    start() {
      for (const duty of options.duties) plan(duty, 0)
    },
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(underway)
      if (leads) await options.coordination.resign({ role: LEADER_ROLE, workerId: options.workerId() }).catch(options.onTrouble)
    },
  }
}
