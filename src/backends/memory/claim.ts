/** Handing out work: the most urgent, then oldest, of the jobs a worker may take. */

import type { ClaimedJob, ClaimKind, ClaimRequest, ClaimResult } from '../../contract/index.js'
import type { Job } from './job.js'
import type { Line, Store } from './store.js'
import { endIfLate, firstOf, isDead, isLive, releaseKey, wake } from './store.js'

/** One line as one claim sees it. */
interface OpenLine {
  readonly queue: string
  readonly line: Line
  readonly kind: ClaimKind
}

/** A worker nobody knows, or that was declared dead, gets nothing: its leases would not hold. */
const NOTHING: ClaimResult = Object.freeze({ jobs: Object.freeze([]), nextDueInMs: null, suspectsWait: false })

export function claim(store: Store, request: ClaimRequest, now: number): ClaimResult {
  if (isDead(store, request.workerId)) return NOTHING
  const open = openLines(store, request)
  const wanted = request.alone && aloneSlotsFree(store, now) === 0 ? [] : open.filter(({ line }) => line.suspect === request.alone)
  const jobs = takeFrom(store, wanted, request, now)
  const next = Math.min(...wanted.map(({ line }) => firstOf(line.entries)?.at ?? Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
  return {
    jobs,
    nextDueInMs: next === Number.POSITIVE_INFINITY ? null : Math.max(0, next - now),
    suspectsWait: aloneSlotsFree(store, now) > 0 && open.some(({ line }) => line.suspect && (firstOf(line.entries)?.at ?? now + 1) <= now),
  }
}

function openLines(store: Store, request: ClaimRequest): OpenLine[] {
  const open: OpenLine[] = []
  for (const [queue, most] of request.queues) {
    if (most <= 0 || store.pausedQueues.has(queue)) continue
    for (const line of store.lines.get(queue)?.values() ?? []) {
      const kind = request.kinds.find((known) => known.kind === line.kind && known.version >= line.version)
      if (kind !== undefined) open.push({ queue, line, kind })
    }
  }
  return open
}

/** Suspects run with no neighbour, so they may not occupy more than a quarter of the workers. */
function aloneSlotsFree(store: Store, now: number): number {
  const liveCount = [...store.workers.values()].filter((worker) => isLive(worker, now)).length
  const aloneCount = [...store.running].filter((job) => job.alone).length
  return Math.max(0, Math.max(1, Math.floor(liveCount / 4)) - aloneCount)
}

function takeFrom(store: Store, lines: readonly OpenLine[], request: ClaimRequest, now: number): ClaimedJob[] {
  const jobs: ClaimedJob[] = []
  const limit = request.alone ? Math.min(1, request.limit) : request.limit
  const left = new Map(request.queues)
  while (jobs.length < limit) {
    const best = mostUrgent(lines, left, now)
    if (best === undefined) break
    const job = best.line.entries.pop()?.job
    if (job === undefined) break
    if (endIfLate(store, job, now, request.expiredRetentionMs)) {
      wake(store, 'changed')
      continue
    }
    left.set(best.queue, (left.get(best.queue) ?? 0) - 1)
    jobs.push(take(store, job, best.kind, request, now))
  }
  return jobs
}

/** The line whose first job is due and comes before those of all others. */
function mostUrgent(lines: readonly OpenLine[], left: ReadonlyMap<string, number>, now: number): OpenLine | undefined {
  let best: { readonly line: OpenLine; readonly at: number; readonly sequence: number } | undefined
  for (const line of lines) {
    const first = firstOf(line.line.entries)
    if (first === undefined || first.at > now || (left.get(line.queue) ?? 0) <= 0) continue
    const rank = best === undefined ? -1 : line.line.priority - best.line.line.priority
    const age = best === undefined ? 0 : first.at - best.at || first.job.sequence - best.sequence
    if (rank < 0 || (rank === 0 && age < 0)) best = { line, at: first.at, sequence: first.job.sequence }
  }
  return best?.line
}

function take(store: Store, job: Job, kind: ClaimKind, request: ClaimRequest, now: number): ClaimedJob {
  job.phase = 'running'
  job.place = 0
  job.token += 1
  job.attempt += 1
  job.alone = request.alone
  job.forwarding = false
  job.workerId = request.workerId
  job.claimedAt = now
  job.leaseEndsAt = kind.leaseMs === null ? null : now + kind.leaseMs
  job.progress = null
  store.running.add(job)
  // Its key may now be taken by a new job; `live` keys stay until the end.
  if (job.unique?.scope === 'waiting') releaseKey(store, job)
  return {
    jobId: job.id,
    token: job.token,
    handle: null,
    kind: job.kind,
    version: job.version,
    queue: job.queue,
    priority: job.priority,
    payload: job.payload,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashCount: job.crashCount,
    alone: job.alone,
    createdAt: job.createdAt,
    runAt: job.runAt,
    claimedAt: now,
    giveUpAt: job.giveUpAt,
    group: job.group,
    tags: job.tags,
    parentId: job.parentId,
    tick: job.tick,
  }
}
