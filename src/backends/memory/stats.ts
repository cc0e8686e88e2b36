/** Queues in numbers. */

import type { QueueStats } from '../../contract/index.js'
import type { JobState } from '../../core/state.js'
import type { Job } from './job.js'
import type { Store } from './store.js'
import { holdReasonOf, stateOf } from './view.js'

export function statsOf(
  store: Store,
  request: { readonly queues: readonly string[] | null; readonly countCap: number; readonly windowMs: number },
  now: number,
): QueueStats[] {
  const byQueue = new Map<string, Job[]>()
  for (const queue of store.pausedQueues) byQueue.set(queue, [])
  for (const job of store.jobs.values()) {
    const jobs = byQueue.get(job.queue)
    if (jobs === undefined) byQueue.set(job.queue, [job])
    else jobs.push(job)
  }
  const queues = request.queues ?? [...byQueue.keys()].sort()
  return queues.map((queue) => queueStats(store, queue, byQueue.get(queue) ?? [], request, now))
}

function queueStats(
  store: Store,
  queue: string,
  jobs: readonly Job[],
  { countCap, windowMs }: { readonly countCap: number; readonly windowMs: number },
  now: number,
): QueueStats {
  const counts: Record<JobState, number> = { scheduled: 0, available: 0, running: 0, retryable: 0, completed: 0, cancelled: 0, failed: 0 }
  const held: Record<string, number> = { paused: 0, 'no-worker': 0, invalid: 0 }
  const recent = { windowMs, completed: 0, retried: 0, failed: 0 }
  let latencyMs: number | null = null
  const since = now - windowMs
  for (const job of jobs) {
    const state = stateOf(job, now)
    counts[state] = Math.min(countCap, counts[state] + 1)
    const reason = holdReasonOf(store, job, now)
    if (reason !== null) held[reason] = Math.min(countCap, (held[reason] ?? 0) + 1)
    if (state === 'available' && reason === null) latencyMs = Math.max(latencyMs ?? 0, now - job.runAt)
    if (job.finishedAt !== null && job.finishedAt > since && (job.phase === 'completed' || job.phase === 'failed')) recent[job.phase] += 1
    recent.retried += job.attempts.filter((attempt) => attempt.outcome === 'retry' && attempt.endedAt > since).length
  }
  return { queue, paused: store.pausedQueues.has(queue), counts, held, latencyMs, recent }
}
