/** `kerja.queues`: how long the lines are, whether they move, and stopping and starting them. */
import type { QueueStats } from '../contract/ledger.js'
import { checkName } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { JOB_STATES, type JobState } from '../core/state.js'
import type { Connection } from './connection.js'

const MINUTE_MS = 60_000

export interface QueueStatus {
  readonly queue: string
  readonly paused: boolean
  /** Jobs per state. A count equal to `countCap` means «or more». */
  readonly counts: Readonly<Record<JobState, number>>
  readonly countCap: number
  /** Waiting jobs that may not start now, by reason: `paused`, `no-worker`, `invalid`. */
  readonly held: Readonly<Record<string, number>>
  /** Age in ms of the oldest job that is ready to run; null with no backlog. */
  readonly latencyMs: number | null
  /** Over the last minutes. */
  readonly recent: {
    readonly windowMs: number
    /** Jobs completed per minute. */
    readonly completedPerMinute: number
    readonly completedCount: number
    /** Failed attempts that will be retried. */
    readonly retriedCount: number
    /** Jobs failed for good. */
    readonly failedCount: number
    /** Share of ended attempts that failed, from 0 to 1; null when none ended. */
    readonly failureRate: number | null
  }
}

export interface Queues {
  /** Names of the queues that hold jobs or are paused. */
  list(): Promise<readonly { readonly queue: string; readonly paused: boolean }[]>
  /** Every queue. */
  stats(): Promise<readonly QueueStatus[]>
  /** One queue; an unknown one is empty. @throws {OPTION_INVALID} */
  stats(queue: string): Promise<QueueStatus>
  /** No job of the queue starts until it is resumed; running ones go on, new ones are accepted. @throws {OPTION_INVALID} */
  pause(queue: string): Promise<void>
  /** @throws {OPTION_INVALID} */
  resume(queue: string): Promise<void>
}

export function createQueues(connection: Connection): Queues {
  const read = async (queues: readonly string[] | null, countCap: number = DEFAULTS.ledger.countCap) => {
    const { ledger } = await connection.open()
    return ledger.stats({ queues, countCap, windowMs: DEFAULTS.ledger.statsWindowMs })
  }

  async function stats(queue?: string): Promise<QueueStatus | readonly QueueStatus[]> {
    if (queue === undefined) return (await read(null)).map(toStatus)
    const [found] = await read([checkName(queue, 'queue')])
    return toStatus(found ?? emptyStats(queue))
  }

  return {
    // Names need no counting.
    list: async () => (await read(null, 1)).map(({ queue, paused }) => ({ queue, paused })),
    stats: stats as Queues['stats'],
    pause: async (queue) => {
      const name = checkName(queue, 'queue')
      await (await connection.open()).coordination.pauseQueue(name)
    },
    resume: async (queue) => {
      const name = checkName(queue, 'queue')
      await (await connection.open()).coordination.resumeQueue(name)
    },
  }
}

function toStatus(stats: QueueStats): QueueStatus {
  const { completed, retried, failed, windowMs } = stats.recent
  const ended = completed + retried + failed
  return {
    queue: stats.queue,
    paused: stats.paused,
    counts: stats.counts,
    countCap: DEFAULTS.ledger.countCap,
    held: stats.held,
    latencyMs: stats.latencyMs,
    recent: {
      windowMs,
      completedPerMinute: (completed * MINUTE_MS) / windowMs,
      completedCount: completed,
      retriedCount: retried,
      failedCount: failed,
      failureRate: ended === 0 ? null : (retried + failed) / ended,
    },
  }
}

const emptyStats = (queue: string): QueueStats => ({
  queue,
  paused: false,
  counts: Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>,
  held: {},
  latencyMs: null,
  recent: { windowMs: DEFAULTS.ledger.statsWindowMs, completed: 0, retried: 0, failed: 0 },
})
