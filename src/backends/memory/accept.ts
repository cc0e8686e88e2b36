/** What becomes of a job that another store hands over: known id, then idempotency key, then unique key, then a job as it was. */

import type { AcceptResult, CarriedJob, ScheduleRecord, StandingKey } from '../../contract/index.js'
import { SUPERSEDED_RETENTION_MS } from '../../core/state.js'
import type { Job } from './job.js'
import { sameRule } from './schedules.js'
import type { Store } from './store.js'
import { end, holderOf, keyOf, place } from './store.js'

export function accept(store: Store, carried: CarriedJob, now: number): AcceptResult {
  if (store.jobs.has(carried.jobId)) return { status: 'duplicate' }
  const winner = carried.end === null ? winnerOver(store, carried, now) : null
  const job = jobOf(carried, ++store.lastSequence)
  store.jobs.set(job.id, job)
  if (job.keepUntil !== null) {
    job.place = ++store.lastPlace
    store.endings.push({ job, place: job.place, at: job.keepUntil })
  } else if (winner === null) place(store, job)
  else end(store, job, now, { phase: 'cancelled', reason: `superseded by ${winner}`, retentionMs: SUPERSEDED_RETENTION_MS })
  for (const key of carried.idempotency) acceptKey(store, { ...key, jobId: winner ?? key.jobId }, now, job.id)
  return winner === null ? { status: 'accepted' } : { status: 'superseded', by: winner }
}

/** The job here that stands for the same request, or holds the unique key. A key that stands for another payload is another request. */
function winnerOver(store: Store, carried: CarriedJob, now: number): string | null {
  const { jobId, unique, idempotency } = carried
  for (const key of idempotency) {
    const standing = store.idempotency.get(keyOf(key.kind, key.key))
    if (standing === undefined || standing.expiresAt <= now || standing.jobId === jobId) continue
    if (standing.payloadHash === key.payloadHash) return standing.jobId
  }
  const holder = unique === null ? undefined : holderOf(store, carried.kind, unique.key)
  if (holder?.phase === 'waiting') yieldTo(store, holder, carried)
  return holder?.id ?? null
}

/** What the enqueue of `carried` asked of a waiting holder of its unique key, where no store has decided that yet. */
function yieldTo(store: Store, holder: Job, { unique, createdAt, payload, version, priority, runAt, startBy }: CarriedJob): void {
  const replaces = unique?.replaces === true && holder.createdAt <= createdAt
  const debounced = unique?.debounced === true
  if (replaces) Object.assign(holder, { payload, version, priority, invalid: false })
  if (debounced ? runAt > holder.runAt : replaces) Object.assign(holder, { runAt, startBy })
  if (replaces || debounced) place(store, holder)
}

/** A key that stands stays as it is, unless it stands for `formerly`. */
export function acceptKey(store: Store, { kind, key, ...entry }: StandingKey, now: number, formerly?: string): void {
  const standing = store.idempotency.get(keyOf(kind, key))
  if (entry.expiresAt <= now || (standing !== undefined && standing.expiresAt > now && standing.jobId !== formerly)) return
  store.idempotency.set(keyOf(kind, key), entry)
}

export function acceptSchedule(store: Store, schedule: ScheduleRecord): 'accepted' | 'kept' {
  const known = store.schedules.get(schedule.name)
  if (known !== undefined && (known.lastAt !== null || !sameRule(known, schedule))) return 'kept'
  const { nextAt, paused, lastAt, lastJobId } = schedule
  // Who declared it here knows its template and policies; where it stands is known over there.
  store.schedules.set(schedule.name, { ...structuredClone(known ?? schedule), nextAt, paused, lastAt, lastJobId })
  return 'accepted'
}

function jobOf(carried: CarriedJob, sequence: number): Job {
  const { jobId, handle: _handle, holdReason, idempotency: _keys, attempts, end: ending, unique, ...same } = carried
  return {
    ...same,
    unique: unique === null ? null : { key: unique.key, scope: unique.scope },
    id: jobId,
    sequence,
    tick: carried.tick === null ? null : Object.freeze({ ...carried.tick }),
    tags: Object.freeze([...carried.tags]),
    attempts: attempts.map((attempt) => Object.freeze({ ...attempt })),
    phase: ending?.state ?? 'waiting',
    place: 0,
    invalid: holdReason === 'invalid',
    alone: false,
    forwarding: false,
    workerId: ending?.workerId ?? null,
    leaseEndsAt: null,
    cancelRequest: null,
    result: ending?.result ?? null,
    reason: ending?.reason ?? null,
    progress: null,
    finishedAt: ending?.finishedAt ?? null,
    keepUntil: ending?.keepUntil ?? null,
    lines: [],
    lineCount: 0,
  }
}
