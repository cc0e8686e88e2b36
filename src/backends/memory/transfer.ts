/** Transfer: jobs that go to another store, and those that come from one. */

import type { CarriedJob, CarriedPage, Departure, LeaveResult, PageRequest, StandingKey, TakeRequest, Transfer } from '../../contract/index.js'
import { accept, acceptKey, acceptSchedule } from './accept.js'
import type { Job } from './job.js'
import { heldUnder } from './settle.js'
import type { Store } from './store.js'
import { enter, forget, isDead, releaseKey, wake } from './store.js'

export function createTransfer(store: Store): Transfer {
  return {
    async take(request) {
      const now = enter(store)
      if (isDead(store, request.workerId)) return { jobs: [], next: null }
      const page = pageOf(store, request, now, (job) => job.phase === 'waiting')
      for (const { jobId } of page.jobs) take(store.jobs.get(jobId) as Job, store, request)
      // Under the token that is current from now on.
      return { ...page, jobs: page.jobs.map((job) => ({ ...job, token: job.token + 1 })) }
    },
    async ended(request) {
      return pageOf(store, request, enter(store), (job) => job.finishedAt !== null)
    },
    async accept(jobs) {
      const now = enter(store)
      if (jobs.length > 0) wake(store, 'available')
      return jobs.map((job) => accept(store, job, now))
    },
    async leave(departures) {
      enter(store)
      if (departures.length > 0) wake(store, 'changed')
      return departures.map((departure) => leave(store, departure))
    },
    async keys({ limit, cursor }) {
      const standing = standingKeys(store, enter(store))
      const from = cursor === null ? 0 : Number(cursor)
      return { keys: standing.slice(from, from + limit), next: standing.length > from + limit ? String(from + limit) : null }
    },
    async acceptKeys(keys) {
      const now = enter(store)
      for (const key of keys) acceptKey(store, key, now)
    },
    async acceptSchedules(schedules) {
      enter(store)
      return schedules.map((schedule) => acceptSchedule(store, schedule))
    },
  }
}

/** Jobs that fit, after the cursor, in order of arrival. */
function pageOf(store: Store, { limit, charactersMax, cursor }: PageRequest | TakeRequest, now: number, fits: (job: Job) => boolean): CarriedPage {
  const after = cursor === null ? 0 : Number(cursor)
  const keys = keysByJob(store, now)
  const jobs: CarriedJob[] = []
  let last = after
  let characters = 0
  for (const job of store.jobs.values()) {
    if (job.sequence <= after || !fits(job)) continue
    characters += job.payload.length + (job.result?.length ?? 0)
    if (jobs.length >= limit || (jobs.length > 0 && characters > charactersMax)) return { jobs, next: String(last) }
    last = job.sequence
    jobs.push(carriedOf(job, keys.get(job.id) ?? []))
  }
  return { jobs, next: null }
}

function take(job: Job, store: Store, { workerId }: TakeRequest): void {
  job.phase = 'running'
  job.place = 0
  job.token += 1
  job.attempt += 1
  job.alone = false
  job.forwarding = true
  job.workerId = workerId
  job.leaseEndsAt = null
  job.progress = null
  store.running.add(job)
  if (job.unique?.scope === 'waiting') releaseKey(store, job)
}

function carriedOf(job: Job, idempotency: readonly StandingKey[]): CarriedJob {
  return {
    jobId: job.id,
    token: job.token,
    handle: null,
    kind: job.kind,
    version: job.version,
    queue: job.queue,
    priority: job.priority,
    payload: job.payload,
    createdAt: job.createdAt,
    runAt: job.runAt,
    claimedAt: job.claimedAt,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashCount: job.crashCount,
    retrying: job.retrying,
    holdReason: job.invalid ? 'invalid' : null,
    startBy: job.startBy,
    giveUpAt: job.giveUpAt,
    group: job.group,
    tags: job.tags,
    unique: job.unique,
    idempotency,
    parentId: job.parentId,
    tick: job.tick,
    failure: job.failure,
    attempts: [...job.attempts],
    end: endOf(job),
  }
}

function endOf({ phase, reason, result, workerId, finishedAt, keepUntil }: Job): CarriedJob['end'] {
  if (phase === 'waiting' || phase === 'running' || finishedAt === null || keepUntil === null) return null
  return { state: phase, reason, result, workerId, finishedAt, keepUntil }
}

function leave(store: Store, departure: Departure): LeaveResult {
  const job = store.jobs.get(departure.jobId)
  if (departure.finishedAt !== null) {
    if (job === undefined || job.finishedAt !== departure.finishedAt || job.token !== departure.token) return 'lost'
  } else {
    if (job === undefined || heldUnder(store, departure) !== job) return 'lost'
    if (job.cancelRequest !== null && !departure.cancelCarried) return job.cancelRequest
  }
  store.running.delete(job)
  forget(store, job)
  return 'left'
}

const standingKeys = (store: Store, now: number): StandingKey[] =>
  [...store.idempotency].filter(([, { expiresAt }]) => expiresAt > now).map(([name, entry]) => ({ ...kindAndKeyOf(name), ...entry }))

function keysByJob(store: Store, now: number): Map<string, StandingKey[]> {
  const byJob = new Map<string, StandingKey[]>()
  for (const key of standingKeys(store, now)) byJob.set(key.jobId, [...(byJob.get(key.jobId) ?? []), key])
  return byJob
}

/** What `keyOf` put together. */
function kindAndKeyOf(name: string): { readonly kind: string; readonly key: string } {
  const [kind, key] = JSON.parse(name) as [string, string]
  return { kind, key }
}
