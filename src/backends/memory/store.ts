/**
 * Everything the memory backend knows, and the few moves of a job that all of its parts share: place, take, put back, end, forget.
 *
 * Where a job is follows from `phase`: `waiting` (its line and the deadline heap hold an entry with its current `place`), `running` (in `running`),
 * or ended (in `endings` until its retention is over). `scheduled`, `available` and `retryable` are names for `waiting`, computed when asked.
 * Moving a job leaves its old heap entries behind; a new `place` makes them stale, and whoever meets a stale entry drops it.
 */
import type { ScheduleRecord, StoreClock, WakeListener, WorkerRegistration } from '../../contract/index.js'
import type { PriorityRank } from '../../core/state.js'
import { SUPERSEDED_RETENTION_MS, SUSPECT_CRASH_COUNT } from '../../core/state.js'
import { KerjaError } from '../../errors.js'
import type { Heap } from './heap.js'
import { createHeap } from './heap.js'
import type { Job } from './job.js'
import { deadlineOf } from './job.js'

/** A job's entry in a heap; stale once the job has another `place`. */
interface Entry {
  readonly job: Job
  readonly place: number
  readonly at: number
}

/** Waiting jobs that the same claims can take, in the order they come out. */
export interface Line {
  readonly kind: string
  readonly version: number
  readonly priority: PriorityRank
  readonly suspect: boolean
  readonly entries: Heap<Entry>
}

export interface Worker {
  readonly registration: WorkerRegistration
  readonly startedAt: number
  heartbeatAt: number
  /** Declared dead; never alive again. */
  diedAt: number | null
}

export interface Store {
  readonly clock: StoreClock
  closed: boolean
  lastSequence: number
  lastPlace: number
  readonly jobs: Map<string, Job>
  readonly running: Set<Job>
  /** Queue → its lines, by kind, version, priority and suspicion. */
  readonly lines: Map<string, Map<string, Line>>
  readonly deadlines: Heap<Entry>
  readonly endings: Heap<Entry>
  /** Kind and unique key → the job that holds it. */
  readonly holders: Map<string, Job>
  readonly idempotency: Map<string, { readonly jobId: string; readonly payloadHash: string; readonly expiresAt: number }>
  readonly pausedQueues: Set<string>
  readonly workers: Map<string, Worker>
  readonly leaders: Map<string, { readonly workerId: string; readonly until: number }>
  readonly schedules: Map<string, ScheduleRecord>
  readonly listeners: Set<WakeListener>
}

const earlier = (a: Entry, b: Entry): boolean => (a.at === b.at ? a.job.sequence < b.job.sequence : a.at < b.at)

export function createStore(clock: StoreClock): Store {
  return {
    clock,
    closed: false,
    lastSequence: 0,
    lastPlace: 0,
    jobs: new Map(),
    running: new Set(),
    lines: new Map(),
    deadlines: createHeap(earlier),
    endings: createHeap(earlier),
    holders: new Map(),
    idempotency: new Map(),
    pausedQueues: new Set(),
    workers: new Map(),
    leaders: new Map(),
    schedules: new Map(),
    listeners: new Set(),
  }
}

/** Every call begins here: refuses when closed, and reads the clock once so that one call sees one instant. */
export function enter(store: Store): number {
  if (store.closed) throw new KerjaError('BACKEND_CLOSED', 'The memory backend was closed. Its jobs are gone; make a new one with memory().')
  return store.clock.now()
}

export const keyOf = (kind: string, key: string): string => JSON.stringify([kind, key])
export const isLive = (worker: Worker, now: number): boolean => worker.diedAt === null && now - worker.heartbeatAt <= worker.registration.leaseMs
/** Declared dead, or unknown: no lease of this worker holds. */
export const isDead = (store: Store, workerId: string): boolean => store.workers.get(workerId)?.diedAt !== null

/** Makes the job wait where its fields say, and takes its unique key, which must be free or its own. */
export function place(store: Store, job: Job): void {
  job.phase = 'waiting'
  job.place = ++store.lastPlace
  if (job.unique !== null) store.holders.set(keyOf(job.kind, job.unique.key), job)
  if (!job.invalid) lineOf(store, job).entries.push({ job, place: job.place, at: job.runAt })
  const deadline = deadlineOf(job)
  if (deadline !== null) store.deadlines.push({ job, place: job.place, at: deadline })
}

function lineOf(store: Store, job: Job): Line {
  let lines = store.lines.get(job.queue)
  if (lines === undefined) {
    lines = new Map()
    store.lines.set(job.queue, lines)
  }
  const suspect = job.crashCount >= SUSPECT_CRASH_COUNT
  const name = JSON.stringify([job.kind, job.version, job.priority, suspect])
  let line = lines.get(name)
  if (line === undefined) {
    line = { kind: job.kind, version: job.version, priority: job.priority, suspect, entries: createHeap(earlier) }
    lines.set(name, line)
  }
  return line
}

/** The first entry of the heap that still counts. */
export function firstOf(entries: Heap<Entry>): Entry | undefined {
  for (;;) {
    const entry = entries.peek()
    if (entry === undefined || entry.place === entry.job.place) return entry
    entries.pop()
  }
}

export function holderOf(store: Store, kind: string, key: string): Job | undefined {
  return store.holders.get(keyOf(kind, key))
}

/** Gives the unique key up, if this job holds it. */
export function releaseKey(store: Store, job: Job): void {
  if (job.unique === null) return
  const key = keyOf(job.kind, job.unique.key)
  if (store.holders.get(key) === job) store.holders.delete(key)
}

/** Ends a running job's claim by making it wait again; unless it may not: then it is cancelled. */
export function putBack(store: Store, job: Job, now: number): 'waiting' | 'cancelled' | 'superseded' {
  store.running.delete(job)
  job.workerId = null
  job.leaseEndsAt = null
  if (job.cancelRequest !== null) {
    end(store, job, now, { phase: 'cancelled', reason: job.cancelRequest.reason, retentionMs: job.cancelRequest.retentionMs })
    return 'cancelled'
  }
  const holder = job.unique === null ? undefined : holderOf(store, job.kind, job.unique.key)
  if (holder !== undefined && holder !== job) {
    end(store, job, now, { phase: 'cancelled', reason: 'superseded', retentionMs: SUPERSEDED_RETENTION_MS })
    return 'superseded'
  }
  place(store, job)
  return 'waiting'
}

export function end(
  store: Store,
  job: Job,
  now: number,
  ending: { readonly phase: 'completed' | 'cancelled' | 'failed'; readonly reason: string | null; readonly retentionMs: number },
): void {
  store.running.delete(job)
  releaseKey(store, job)
  job.phase = ending.phase
  job.reason = ending.reason
  job.finishedAt = now
  job.keepUntil = now + ending.retentionMs
  job.leaseEndsAt = null
  job.invalid = false
  job.place = ++store.lastPlace
  store.endings.push({ job, place: job.place, at: job.keepUntil })
}

/** Ends a waiting job that is past its deadline. False when it is not. */
export function endIfLate(store: Store, job: Job, now: number, retentionMs: number): boolean {
  const deadline = deadlineOf(job)
  if (deadline === null || now <= deadline) return false
  const unstarted = job.claimedAt === null && job.startBy !== null && now > job.startBy
  end(store, job, now, unstarted ? { phase: 'cancelled', reason: 'expired', retentionMs } : { phase: 'failed', reason: 'gave-up', retentionMs })
  return true
}

/** Removes every trace but its idempotency key, which stands for its request until it runs out. */
export function forget(store: Store, job: Job): void {
  releaseKey(store, job)
  job.place = 0
  store.jobs.delete(job.id)
}

/** Calls listeners back after the current call has ended, so that they see its effect. */
export function wake(store: Store, what: 'available' | 'changed'): void {
  for (const listener of store.listeners) {
    const call = listener[what]
    if (call !== undefined) queueMicrotask(() => (store.listeners.has(listener) ? call() : undefined))
  }
}
