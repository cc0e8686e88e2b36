/** The shapes of --json and the rows of tables. Programs read the shapes: fields are added, never renamed (docs/cli.md). */
import type { Attempt, Job, LogLineView, QueueStatus, ScheduleStatus, WorkerStatus } from '../index.js'
import type { Column } from './output.js'
import { cappedCount, shortDuration } from './text.js'

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
  crashCount: job.crashCount,
  payload: job.payload ?? null,
  payloadError: job.payloadError,
  result: job.result ?? null,
  resultError: job.resultError,
  reason: job.reason,
  failure: job.failure,
  progress: job.progress,
  cancelRequested: job.cancelRequested,
  group: job.group,
  tags: job.tags,
  uniqueKey: job.uniqueKey,
  workerId: job.workerId,
  parentId: job.parentId,
  schedule: job.schedule,
  createdAt: job.createdAt,
  runAt: job.runAt,
  claimedAt: job.claimedAt,
  finishedAt: job.finishedAt,
  giveUpAt: job.giveUpAt,
  startBy: job.startBy,
})

export const attemptJson = (attempt: Attempt) => ({
  attempt: attempt.attempt,
  outcome: attempt.outcome,
  workerId: attempt.workerId,
  startedAt: attempt.startedAt,
  endedAt: attempt.endedAt,
  durationMs: attempt.durationMs,
  failure: attempt.failure,
})

export const logLineJson = (line: LogLineView) => ({ at: line.at, level: line.level, message: line.message })

export const queueJson = (status: QueueStatus) => ({
  queue: status.queue,
  paused: status.paused,
  counts: status.counts,
  countCap: status.countCap,
  held: status.held,
  latencyMs: status.latencyMs,
  recent: status.recent,
})

export const workerJson = (worker: WorkerStatus) => ({
  id: worker.id,
  name: worker.name,
  host: worker.host,
  pid: worker.pid,
  version: worker.version,
  alive: worker.alive,
  runningCount: worker.runningCount,
  concurrency: worker.concurrency,
  queues: worker.queues,
  kinds: worker.kinds,
  schedules: worker.schedules,
  startedAt: worker.startedAt,
  heartbeatAt: worker.heartbeatAt,
})

export const scheduleJson = (schedule: ScheduleStatus) => ({
  name: schedule.name,
  kind: schedule.kind,
  queue: schedule.queue,
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

export const ruleWords = (schedule: Pick<ScheduleStatus, 'cron' | 'everyMs'>): string =>
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

export function queueRow(status: QueueStatus): readonly string[] {
  const { available, running, scheduled, retryable, failed } = status.counts
  const count = (value: number) => cappedCount(value, status.countCap)
  const { completedPerMinute, failureRate } = status.recent
  return [
    status.queue,
    count(available),
    count(running),
    count(scheduled + retryable),
    count(failed),
    status.latencyMs === null ? '-' : shortDuration(status.latencyMs),
    completedPerMinute > 0 && completedPerMinute < 10 ? completedPerMinute.toFixed(1) : String(Math.round(completedPerMinute)),
    failureRate === null ? '-' : `${Math.round(failureRate * 100)}%`,
    heldWords(status),
  ]
}

/** `paused, 3 invalid`. */
export function heldWords(status: QueueStatus): string {
  const counts = Object.entries(status.held).filter(([reason, count]) => count > 0 && reason !== 'paused')
  const words = counts.map(([reason, count]) => `${cappedCount(count, status.countCap)} ${reason}`)
  return (status.paused ? ['paused', ...words] : words).join(', ') || '-'
}

/** What to know about a job at a glance: why it waits, how far it is, or how it ended. */
export function jobDetail(job: Job): string {
  if (job.holdReason !== null) return job.holdReason
  if (job.state === 'running' && job.progress !== null) return progressWords(job.progress)
  if (job.state === 'completed') return ''
  if (job.failure !== null) return `${job.failure.name}: ${job.failure.message}`
  return job.reason ?? ''
}

export const progressWords = ({ fraction, message }: NonNullable<Job['progress']>): string =>
  `${Math.round(fraction * 100)}%${message === null ? '' : ` ${message}`}`
