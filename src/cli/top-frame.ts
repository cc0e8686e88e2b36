/** One frame of `kerja top`: what was seen, as lines. Pure: it neither asks nor writes. */
import type { Job, QueueStatus, WorkerStatus } from '../index.js'
import { type Paint, tableLines } from './output.js'
import { cut, relativeTime, safe } from './text.js'
import { jobDetail, QUEUE_COLUMNS, queueRow } from './views.js'

export interface Snapshot {
  readonly at: Date
  readonly location: string
  readonly queues: readonly QueueStatus[]
  readonly workers: readonly WorkerStatus[]
  /** Jobs that failed for good or wait for another attempt, newest first. */
  readonly failures: readonly Job[]
}

export interface FrameOptions {
  /** Columns, or null for as wide as it gets. */
  readonly width: number | null
  readonly paint: Paint
}

const WORKERS_SHOWN_MAX = 10
const DETAIL_CHARACTERS_MAX = 200
const WORKER_COLUMNS = [
  { title: 'worker' },
  { title: 'pid', align: 'right' },
  { title: 'busy', align: 'right' },
  { title: 'heartbeat' },
  { title: 'queues' },
] as const
const FAILURE_COLUMNS = [
  { title: 'failure' },
  { title: 'kind' },
  { title: 'state' },
  { title: 'attempt', align: 'right' },
  { title: 'error' },
] as const

export function frameLines(snapshot: Snapshot, { width, paint }: FrameOptions): string[] {
  const now = snapshot.at.getTime()
  const alive = snapshot.workers.filter((worker) => worker.alive)
  const running = alive.reduce((sum, worker) => sum + worker.runningCount, 0)
  const slots = alive.reduce((sum, worker) => sum + worker.concurrency, 0)
  const head = `kerja top  ${safe(snapshot.location)}  ${snapshot.at.toISOString()}`
  const counts = `${alive.length} workers, ${running} of ${slots} slots busy${alive.length < snapshot.workers.length ? `, ${snapshot.workers.length - alive.length} dead` : ''}`
  const lines = [paint('bold', width === null ? head : cut(head, width)), width === null ? counts : cut(counts, width), '']
  lines.push(...(snapshot.queues.length === 0 ? ['No queues yet.'] : tableLines(QUEUE_COLUMNS, snapshot.queues.map(queueRow), width, paint)))
  if (snapshot.workers.length > 0) {
    const rows = snapshot.workers.slice(0, WORKERS_SHOWN_MAX).map((worker) => workerRow(worker, now))
    lines.push('', ...tableLines(WORKER_COLUMNS, rows, width, paint))
    if (snapshot.workers.length > WORKERS_SHOWN_MAX) lines.push(`and ${snapshot.workers.length - WORKERS_SHOWN_MAX} more: kerja workers`)
  }
  if (snapshot.failures.length > 0) {
    const rows = snapshot.failures.map((job) => failureRow(job, now))
    lines.push('', ...tableLines(FAILURE_COLUMNS, rows, width, paint))
  }
  return lines
}

const workerRow = (worker: WorkerStatus, now: number): readonly string[] => [
  worker.name,
  String(worker.pid),
  worker.alive ? `${worker.runningCount}/${worker.concurrency}` : 'dead',
  relativeTime(worker.heartbeatAt, now),
  worker.queues.join(','),
]

const failureRow = (job: Job, now: number): readonly string[] => [
  relativeTime(job.finishedAt ?? job.claimedAt ?? job.createdAt, now),
  job.kind,
  job.state,
  `${job.attempt}/${job.maxAttempts}`,
  cut(jobDetail(job), DETAIL_CHARACTERS_MAX),
]
