/** What a case acts on: the backend, its clock, and short ways to push, claim, settle and look. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import type {
  Backend,
  ClaimedJob,
  ClaimRequest,
  ClaimResult,
  Coordination,
  HeartbeatConnection,
  HeartbeatModule,
  JobRecord,
  LeaseRef,
  Ledger,
  ManualClock,
  NewJob,
  Queue,
  SettlementOutcome,
  SettleResult,
  WakeListener,
  WorkerRegistration,
} from '../../contract/index.js'
import { DAY, KIND, newId, newJob, QUEUE, settlement } from './build.js'
import type { CallerTransaction, ConformanceTarget } from './target.js'

export interface Stage {
  readonly backend: Backend
  readonly queue: Queue
  readonly ledger: Ledger
  readonly coordination: Coordination
  readonly clock: ManualClock
  /** Pushes one job that must be created. Returns its id. */
  pushOne(overrides?: Partial<NewJob>): Promise<string>
  /** Pushes jobs in one batch that must all be created. Returns their ids, in order. */
  pushMany(overrides: readonly Partial<NewJob>[]): Promise<readonly string[]>
  /** Registers a worker, on this handle or another. */
  worker(overrides?: Partial<WorkerRegistration>, backend?: Backend): Promise<StageWorker>
  settle(lease: LeaseRef, outcome: SettlementOutcome): Promise<SettleResult>
  /** The record of a job that must exist. */
  job(id: string): Promise<JobRecord>
  /** A second handle on the same store, opened. */
  reopen(): Promise<Backend>
  /** The target offers a second handle. */
  readonly reopenable: boolean
  transaction(): Promise<CallerTransaction>
  /** Resolves at the next wake-up of this sort; listens at once. */
  nextWake(what: keyof WakeListener, backend?: Backend): Promise<void>
}

export interface StageWorker {
  readonly id: string
  /** Asks for work: by default up to 100 jobs of the default kind and queue, whose leases end by death alone. */
  ask(overrides?: Partial<ClaimRequest>): Promise<ClaimResult>
  take(overrides?: Partial<ClaimRequest>): Promise<readonly ClaimedJob[]>
  /** What has become due: at once by the store's clock; by the worker's, as soon as the broker shows it. */
  takeDue(overrides?: Partial<ClaimRequest>): Promise<readonly ClaimedJob[]>
  /** Claims with limit 1; there must be a job. */
  takeOne(overrides?: Partial<ClaimRequest>): Promise<ClaimedJob>
  heartbeat(): Promise<HeartbeatConnection>
}

export const kinds = (...names: readonly string[]): ClaimRequest['kinds'] => names.map((kind) => ({ kind, version: 1, leaseMs: null }))
export const queues = (...names: readonly string[]): ClaimRequest['queues'] => new Map(names.map((name) => [name, 100]))
export const leased = (leaseMs: number | null): Partial<ClaimRequest> => ({ kinds: [{ kind: KIND, version: 1, leaseMs }] })

/** Leases outlive every case that is not about them. */
const WORKER_LEASE_MS = 1_000 * DAY
/** A broker alone shows a job that is due when the wait is over that it was asked for, and no clock moves that. */
const SHOWN_MS_MAX = 10_000
const LOOK_AGAIN_MS = 50

/** `close` frees what the case has opened; the target itself is the caller's. */
export function createStage(target: ConformanceTarget): Stage & { close(): Promise<void> } {
  const { backend, clock } = target
  const closings: (() => unknown)[] = []
  const stage: Stage = {
    backend,
    queue: backend.queue,
    ledger: backend.ledger,
    coordination: backend.coordination,
    clock,
    async pushOne(overrides) {
      const [id] = await stage.pushMany([overrides ?? {}])
      return id as string
    },
    async pushMany(overrides) {
      const jobs = overrides.map(newJob)
      const results = await backend.queue.push(jobs)
      assert.deepEqual(
        results,
        jobs.map(({ id }) => ({ status: 'created', id })),
      )
      return jobs.map(({ id }) => id)
    },
    async worker(overrides = {}, on = backend) {
      const registration = { ...newWorker(), ...overrides }
      if (on.capabilities.coordination) await on.coordination.registerWorker(registration)
      return stageWorker(registration.id, on, (heartbeat) => closings.push(() => heartbeat.close()))
    },
    async settle(lease, outcome) {
      const results = await backend.queue.settle([settlement(lease, outcome)])
      assert.equal(results.length, 1, 'one result per settlement')
      return results[0] as SettleResult
    },
    async job(id) {
      const [record] = await backend.ledger.get([id])
      assert.ok(record, `the ledger knows job ${id}`)
      return record
    },
    reopenable: target.reopen !== undefined,
    async reopen() {
      assert.ok(target.reopen, 'a target whose backend is crossProcess has `reopen`')
      const other = await target.reopen()
      await other.open()
      return other
    },
    async transaction() {
      assert.ok(target.transaction, 'a target whose backend has transactions has `transaction`')
      return target.transaction()
    },
    nextWake(what, on = backend) {
      return new Promise((resolve) => {
        const stop = on.queue.listen({
          [what]: () => {
            stop()
            resolve()
          },
        })
        closings.push(stop)
      })
    },
  }
  return {
    ...stage,
    async close() {
      for (const closing of closings) await closing()
    },
  }
}

function newWorker(): WorkerRegistration {
  return {
    id: newId(),
    name: 'conformance',
    host: hostname(),
    pid: process.pid,
    version: '0.0.0',
    queues: [QUEUE],
    kinds: [{ kind: KIND, version: 1 }],
    schedules: [],
    concurrency: 10,
    leaseMs: WORKER_LEASE_MS,
  }
}

function stageWorker(id: string, backend: Backend, opened: (heartbeat: HeartbeatConnection) => void): StageWorker {
  const worker: StageWorker = {
    id,
    ask: (overrides = {}) =>
      backend.queue.claim({
        workerId: id,
        limit: 100,
        queues: queues(QUEUE),
        kinds: kinds(KIND),
        alone: false,
        expiredRetentionMs: DAY,
        ...overrides,
      }),
    async take(overrides) {
      return (await worker.ask(overrides)).jobs
    },
    async takeDue(overrides) {
      const until = performance.now() + SHOWN_MS_MAX
      for (;;) {
        const jobs = await worker.take(overrides)
        if (jobs.length > 0 || backend.capabilities.clock === 'store' || performance.now() >= until) return jobs
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      }
    },
    async takeOne(overrides) {
      const jobs = await worker.take({ limit: 1, ...overrides })
      assert.equal(jobs.length, 1, 'there is a job to claim')
      return jobs[0] as ClaimedJob
    },
    async heartbeat() {
      const heartbeat = await openHeartbeat(backend, id)
      opened(heartbeat)
      return heartbeat
    },
  }
  return worker
}

/** As lease/beats.ts does it, on this thread. */
async function openHeartbeat(backend: Backend, workerId: string): Promise<HeartbeatConnection> {
  const source = backend.queue.heartbeat
  if (source.kind === 'inline') return source.open(workerId)
  const module = (await import(source.module)) as HeartbeatModule
  return module.openHeartbeat(source.config, workerId)
}

export const idsOf = (jobs: readonly { readonly jobId: string }[]): readonly string[] => jobs.map(({ jobId }) => jobId)

/** The call must be refused with this code. */
export async function rejectsWith(code: string, call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.equal((error as { readonly code?: unknown }).code, code)
    return true
  })
}
