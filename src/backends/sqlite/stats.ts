/** Queues in numbers. Every count stops at the cap, so that a million waiting jobs cost no more than the cap. */
import type { QueueStats } from '../../contract/ledger.js'
import { type JobState, PRIORITIES } from '../../core/state.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import type { Ended } from './ended.js'
import type { LaneHolds } from './lane-holds.js'
import { CANCELLED, COMPLETED, FAILED, HELD, READY, RUNNING, SUSPECT } from './rows.js'

export interface StatsRequest {
  readonly queues: readonly string[] | null
  readonly countCap: number
  readonly windowMs: number
}

interface WaitingCounts {
  readonly available: number
  readonly scheduled: number
  readonly retryable: number
  /** Of them, those held as invalid. */
  readonly invalid: number
  /** The earliest run time of a due job that is not held as invalid. */
  readonly oldestAt: number | null
}

export function createStats(context: StoreContext, holds: LaneHolds, counters: Counters, ended: Ended): (request: StatsRequest) => QueueStats[] {
  const { lanes } = context
  const running = context.connection.prepare<[lane: number, count: number]>(
    `SELECT lane, count(*) FROM kerja_jobs INDEXED BY kerja_jobs_running WHERE state = ${RUNNING} GROUP BY lane`,
  )
  const waitingOf = createWaitingCounts(context)

  return ({ queues, countCap, windowMs }) => {
    const laneFacts = holds.read()
    const paused = holds.pausedQueues()
    const runningCounts = new Map(running.rows())
    const all = lanes.all()
    const names = queues ?? [...new Set([...all.map((lane) => lane[1]), ...paused])].sort()
    return names.map((queue) => {
      const counts: Record<JobState, number> = { scheduled: 0, available: 0, running: 0, retryable: 0, completed: 0, cancelled: 0, failed: 0 }
      const held: Record<string, number> = { paused: 0, 'no-worker': 0, invalid: 0 }
      let oldestAt: number | null = null
      const add = (state: JobState, count: number): void => {
        counts[state] = Math.min(countCap, counts[state] + count)
      }
      const hold = (reason: string, count: number): void => {
        held[reason] = Math.min(countCap, (held[reason] ?? 0) + count)
      }
      for (const [id] of all.filter((lane) => lane[1] === queue)) {
        const waiting = waitingOf(id, countCap)
        for (const state of ['available', 'scheduled', 'retryable'] as const) add(state, waiting[state])
        hold('invalid', waiting.invalid)
        const reason = laneFacts(id).holdReason
        if (reason !== null) hold(reason, waiting.available + waiting.scheduled + waiting.retryable - waiting.invalid)
        else if (waiting.oldestAt !== null) oldestAt = Math.min(oldestAt ?? waiting.oldestAt, waiting.oldestAt)
        add('running', runningCounts.get(id) ?? 0)
        add('completed', ended.count(id, COMPLETED))
        add('cancelled', ended.count(id, CANCELLED))
        add('failed', ended.count(id, FAILED))
      }
      const [completed, retried, failed] = counters.recent(queue, windowMs)
      return {
        queue,
        paused: paused.has(queue),
        counts,
        held,
        latencyMs: oldestAt === null ? null : context.now() - oldestAt,
        recent: { windowMs, completed, retried, failed },
      }
    })
  }
}

function createWaitingCounts(context: StoreContext): (lane: number, countCap: number) => WaitingCounts {
  const { connection } = context
  const ready = `kerja_jobs INDEXED BY kerja_jobs_ready WHERE state = ${READY} AND lane = ? AND priority = ?`
  const due = connection.prepare<[number, number | null]>(
    `SELECT count(*), min(run_at) FROM (SELECT run_at FROM ${ready} AND run_at <= ? ORDER BY run_at LIMIT ?)`,
  )
  const later = connection.prepare<[number]>(`SELECT count(*) FROM (SELECT 1 FROM ${ready} AND run_at > ? LIMIT ?)`)
  const retrying = connection.prepare<[number]>(
    `SELECT count(*) FROM (SELECT 1 FROM kerja_jobs INDEXED BY kerja_jobs_retrying WHERE state = ${READY} AND failed = 1 AND lane = ? AND run_at > ? LIMIT ?)`,
  )
  const apart = connection.prepare<[state: number, runAt: number, failed: number]>(
    `SELECT state, run_at, failed FROM kerja_jobs INDEXED BY kerja_jobs_suspect WHERE lane = ? AND state = ${SUSPECT} LIMIT ?`,
  )
  const heldRows = connection.prepare<[state: number, runAt: number, failed: number]>(
    `SELECT state, run_at, failed FROM kerja_jobs INDEXED BY kerja_jobs_held WHERE lane = ? AND state = ${HELD} LIMIT ?`,
  )

  return (lane, countCap) => {
    const now = context.now()
    let [available, scheduled, invalid] = [0, 0, 0]
    let retryable = retrying.row(lane, now, countCap)?.[0] ?? 0
    let oldestAt: number | null = null
    const older = (runAt: number | null): void => {
      if (runAt !== null && runAt <= now) oldestAt = Math.min(oldestAt ?? runAt, runAt)
    }
    for (let priority = 0; priority < PRIORITIES.length; priority += 1) {
      const [dueCount, first] = due.row(lane, priority, now, countCap) ?? [0, null]
      available += dueCount
      older(first)
      scheduled += later.row(lane, priority, now, countCap + retryable)?.[0] ?? 0
    }
    scheduled -= retryable
    for (const [state, runAt, failed] of [...apart.rows(lane, countCap), ...heldRows.rows(lane, countCap)]) {
      if (runAt <= now) available += 1
      else if (failed === 1) retryable += 1
      else scheduled += 1
      if (state === HELD) invalid += 1
      else older(runAt)
    }
    return { available, scheduled, retryable, invalid, oldestAt }
  }
}
