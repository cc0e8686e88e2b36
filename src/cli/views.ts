/** The shapes of --json and the rows of tables. Programs read the shapes: fields are added, never renamed (docs/cli.md). */
import type { Job, QueueStats, ScheduleView, WorkerView } from '../index.js'
import type { Column } from './output.js'
import { cappedCount, shortDuration } from './text.js'

/** Counts in statistics stop here and mean "or more". */
const COUNT_CAP = 10_000

export const jobJson = (job: Job) => ({
  id: job.id,
  kind: job.kind,
  version: job.version,
  queue: job.queue,
  priority: job.priority,
  state: job.state,
  holdReason: job.holdReason,
  attempt: job.attempt,
  maxAttempts: job.maxAttempts,
  payload: job.payload,
  result: job.result,
  reason: job.reason,
  failure: job.failure,
  progress: job.progress,
  group: job.group,
  tags: job.tags,
  workerId: job.workerId,
  createdAt: job.createdAt,
  runAt: job.runAt,
  claimedAt: job.claimedAt,
  finishedAt: job.finishedAt,
})

export const queueJson = (stats: QueueStats) => ({
  queue: stats.queue,
  paused: stats.paused,
  counts: stats.counts,
  held: stats.held,
  latencyMs: stats.latencyMs,
  recent: stats.recent,
})

export const workerJson = (worker: WorkerView) => ({
  id: worker.id,
  name: worker.name,
  host: worker.host,
  pid: worker.pid,
  version: worker.version,
  alive: worker.alive,
  running: worker.runningCount,
  concurrency: worker.concurrency,
  queues: worker.queues,
  kinds: worker.kinds,
  startedAt: worker.startedAt,
  heartbeatAt: worker.heartbeatAt,
})

export const scheduleJson = (schedule: ScheduleView) => ({
  name: schedule.name,
  kind: schedule.kind,
  source: schedule.source,
  cron: schedule.cron,
  everyMs: schedule.everyMs,
  timeZone: schedule.timeZone,
  missed: schedule.missed,
  overlap: schedule.overlap,
  paused: schedule.paused,
  nextAt: schedule.nextAt,
  lastAt: schedule.lastAt,
  lastJobId: schedule.lastJobId,
})

export const ruleWords = (schedule: Pick<ScheduleView, 'cron' | 'everyMs'>): string =>
  schedule.cron ?? (schedule.everyMs === null ? '-' : `every ${shortDuration(schedule.everyMs)}`)

export const QUEUE_COLUMNS: readonly Column[] = Object.freeze([
  { title: 'queue' },
  { title: 'ready', align: 'right' },
  { title: 'running', align: 'right' },
  { title: 'waiting', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'latency', align: 'right' },
  { title: 'done/min', align: 'right' },
  { title: 'failing', align: 'right' },
  { title: 'held' },
])

export function queueRow(stats: QueueStats): readonly string[] {
  const { available, running, scheduled, retryable, failed } = stats.counts
  return [
    stats.queue,
    cappedCount(available, COUNT_CAP),
    cappedCount(running, COUNT_CAP),
    cappedCount(scheduled + retryable, COUNT_CAP),
    cappedCount(failed, COUNT_CAP),
    stats.latencyMs === null ? '-' : shortDuration(stats.latencyMs),
    donePerMinute(stats),
    failureShare(stats),
    heldWords(stats),
  ]
}

function donePerMinute({ recent }: QueueStats): string {
  const perMinute = (recent.completed * 60_000) / recent.windowMs
  return perMinute < 10 && !Number.isInteger(perMinute) ? perMinute.toFixed(1) : String(Math.round(perMinute))
}

/** Failed runs among all that ended lately. */
function failureShare({ recent }: QueueStats): string {
  const ended = recent.completed + recent.retried + recent.failed
  return ended === 0 ? '-' : `${Math.round(((recent.retried + recent.failed) / ended) * 100)}%`
}

/** `paused, 3 invalid`. */
export function heldWords(stats: QueueStats): string {
  const reasons = Object.entries(stats.held).filter(([reason, count]) => count > 0 && reason !== 'paused')
  return [...(stats.paused ? ['paused'] : []), ...reasons.map(([reason, count]) => `${cappedCount(count, COUNT_CAP)} ${reason}`)].join(', ') || '-'
}
