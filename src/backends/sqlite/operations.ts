/** Every operation of the store by name: what the main thread asks and the engine thread does. */
import type { ClaimRequest, LapsedLease } from '../../contract/backend.js'
import type { ScheduleDefinition, ScheduleRecord, WorkerRegistration } from '../../contract/coordination.js'
import type { JobChanges, JobQuery } from '../../contract/ledger.js'
import type { CarriedJob, Departure, PageRequest, StandingKey, TakeRequest } from '../../contract/transfer.js'
import { type Accept, createAccept } from './accept.js'
import { type Changes, createChanges } from './changes.js'
import { type Claim, createClaim } from './claim.js'
import type { StoreContext } from './context.js'
import { type CoordinationStore, createCoordinationStore, type LeadRequest } from './coordination.js'
import { type Counters, createCounters } from './counters.js'
import { createEnded, type Ended } from './ended.js'
import { createLaneHolds } from './lane-holds.js'
import { createLapsed } from './lapsed.js'
import { createLate, type Late } from './late.js'
import { createLedgerStore, type WireLedgerWrite } from './ledger-store.js'
import { createList } from './list.js'
import { createPrune, type Prune } from './prune.js'
import { createPush } from './push.js'
import { createScheduleStore, type WireFiring } from './schedules.js'
import { createSettle } from './settle.js'
import { createStats, type StatsRequest } from './stats.js'
import { createTake, type Take } from './take.js'
import type { WireJob, WireSettlement } from './wire.js'

export interface StoreParts {
  readonly operations: Operations
  readonly claim: Claim
  readonly counters: Counters
  readonly ended: Ended
  readonly late: Late
  readonly prune: Prune
  readonly coordination: CoordinationStore
}

export type Operations = ReturnType<typeof createOperations>
export type OperationName = keyof Operations

/**
 * When an operation runs within its group. Settlements come first: they never wait behind pushes, and what they free can be claimed in the
 * same commit. Reads come after the commit, outside of it.
 */
export const RANKS = Object.freeze({
  settle: 0,
  leave: 0,
  record: 0,
  cancelJobs: 1,
  retryJobs: 1,
  removeJobs: 1,
  updateJob: 1,
  registerWorker: 1,
  deregisterWorker: 1,
  lead: 1,
  resign: 1,
  pauseQueue: 1,
  resumeQueue: 1,
  upsertSchedules: 1,
  removeSchedules: 1,
  pauseSchedule: 1,
  fireSchedule: 1,
  acceptSchedules: 1,
  push: 2,
  accept: 2,
  acceptKeys: 2,
  claim: 3,
  take: 3,
  lapsed: 'read',
  get: 'read',
  list: 'read',
  stats: 'read',
  attempts: 'read',
  logs: 'read',
  workers: 'read',
  schedules: 'read',
  dueSchedules: 'read',
  ended: 'read',
  keys: 'read',
} as const satisfies Record<OperationName, number | 'read'>)

export function createParts(context: StoreContext): StoreParts {
  const counters = createCounters(context)
  const ended = createEnded(context)
  const late = createLate(context, counters, ended)
  const coordination = createCoordinationStore(context)
  const prune = createPrune(context, counters, ended, () => coordination.prune())
  const claim = createClaim(context, late.end)
  const changes = createChanges(context, ended, prune.forget)
  return {
    claim,
    counters,
    ended,
    late,
    prune,
    coordination,
    operations: createOperations(context, { claim, changes, counters, ended, coordination, prune }),
  }
}

interface OperationParts {
  readonly claim: Claim
  readonly changes: Changes
  readonly counters: Counters
  readonly ended: Ended
  readonly coordination: CoordinationStore
  readonly prune: Prune
}

function createOperations(context: StoreContext, { claim, changes, counters, ended, coordination, prune }: OperationParts) {
  const push = createPush(context)
  const settle = createSettle(context, push, counters, ended)
  const holds = createLaneHolds(context)
  const ledger = createLedgerStore(context, holds)
  const list = createList(context, holds)
  const stats = createStats(context, holds, counters, ended)
  const schedules = createScheduleStore(context, push)
  const lapsed = createLapsed(context)
  const transfer = transferOperations(createTake(context, prune.forget), createAccept(context, ended))
  return {
    push: (jobs: readonly WireJob[]) => push(jobs),
    settle: (settlements: readonly WireSettlement[]) => settle(settlements),
    claim: (request: ClaimRequest) => claim(request),
    lapsed: (limit: number): LapsedLease[] => lapsed(limit),
    get: (ids: readonly string[]) => ledger.get(ids),
    list: (query: JobQuery) => list(query),
    stats: (request: StatsRequest) => stats(request),
    attempts: (id: string) => ledger.attempts(id),
    logs: (id: string, request: { readonly limit: number; readonly after: number }) => ledger.logs(id, request),
    record: (writes: readonly WireLedgerWrite[], limits: { readonly logLinesMax: number }) => ledger.record(writes, limits),
    cancelJobs: (ids: readonly string[], request: { readonly reason: string; readonly retentionMs: number }) => changes.cancel(ids, request),
    retryJobs: (ids: readonly string[]) => changes.retry(ids),
    removeJobs: (ids: readonly string[]) => changes.remove(ids),
    updateJob: (id: string, wanted: JobChanges) => changes.update(id, wanted),
    registerWorker: (worker: WorkerRegistration) => coordination.register(worker),
    deregisterWorker: (workerId: string) => coordination.deregister(workerId),
    workers: () => coordination.workers(),
    lead: (request: LeadRequest) => coordination.lead(request),
    resign: (role: string, workerId: string) => coordination.resign(role, workerId),
    pauseQueue: (queue: string) => coordination.pause(queue),
    resumeQueue: (queue: string) => coordination.resume(queue),
    schedules: () => schedules.all(),
    upsertSchedules: (wanted: readonly ScheduleDefinition[], kinds: readonly string[] | null) => schedules.upsert(wanted, kinds),
    removeSchedules: (names: readonly string[]) => schedules.remove(names),
    pauseSchedule: (name: string, paused: boolean) => schedules.pause(name, paused),
    dueSchedules: (limit: number) => schedules.due(limit),
    fireSchedule: (firing: WireFiring) => schedules.fire(firing),
    acceptSchedules: (found: readonly ScheduleRecord[]) => schedules.accept(found),
    ...transfer,
  }
}

function transferOperations(leaving: Take, arriving: Accept) {
  return {
    take: (request: TakeRequest) => leaving.take(request),
    ended: (request: PageRequest) => leaving.ended(request),
    leave: (departures: readonly Departure[]) => leaving.leave(departures),
    keys: (limit: number, cursor: string | null) => leaving.keys(limit, cursor),
    accept: (jobs: readonly CarriedJob[]) => arriving.accept(jobs),
    acceptKeys: (keys: readonly StandingKey[]) => arriving.acceptKeys(keys),
  }
}
