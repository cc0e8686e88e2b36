/** What processes agree on: who lives, who leads, what is paused, what is scheduled. */
import type { NewJob } from './job.js'

export interface Coordination {
  /** Makes the worker known and alive. A name used before by a dead worker is a new worker: ids are never used twice. */
  registerWorker(worker: WorkerRegistration): Promise<void>
  /** Its claims are expected to be settled; any left are lapsed at once. */
  deregisterWorker(workerId: string): Promise<void>
  workers(): Promise<readonly WorkerRecord[]>
  /** Declares workers dead whose process is gone or whose heartbeat is older than their lease. Final. Returns those declared now. */
  reapWorkers(): Promise<readonly string[]>
  /** Takes or renews the leadership of `role` for `ttlMs`. A dead worker's is free at once, and a dead or unknown worker gets none. */
  lead(request: { readonly role: string; readonly workerId: string; readonly ttlMs: number }): Promise<boolean>
  resign(request: { readonly role: string; readonly workerId: string }): Promise<void>

  pauseQueue(queue: string): Promise<void>
  resumeQueue(queue: string): Promise<void>

  schedules(): Promise<readonly ScheduleRecord[]>
  /**
   * Creates or replaces schedules by name. An unchanged rule (cron, interval, time zone) keeps its `nextAt`, so a deploy loses no tick.
   * With `reconcile`, schedules of source `worker` that no live worker declares and whose kind is among `kinds` are removed:
   * a worker that serves a kind speaks for its schedules, and one that does not leaves them alone.
   */
  upsertSchedules(schedules: readonly ScheduleDefinition[], options?: { readonly reconcile: { readonly kinds: readonly string[] } }): Promise<void>
  removeSchedules(names: readonly string[]): Promise<readonly boolean[]>
  pauseSchedule(name: string, paused: boolean): Promise<boolean>
  /** Schedules whose `nextAt` has come and that are not paused, with the store's clock. */
  dueSchedules(request: { readonly limit: number }): Promise<{ readonly now: number; readonly due: readonly ScheduleRecord[] }>
  /**
   * In one step: provided `nextAt` is still `expectedNextAt`, creates the ticks' jobs and moves on. With `overlap: 'skip'` a tick is not created while the last one's job lives.
   * `lastAt` becomes `expectedNextAt`. Returns the ids created, or null when another process was first or the schedule is gone or paused.
   */
  fireSchedule(request: ScheduleFiring): Promise<readonly string[] | null>
}

export interface WorkerRegistration {
  readonly id: string
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly queues: readonly string[]
  readonly kinds: readonly { readonly kind: string; readonly version: number }[]
  /** Names of the schedules it declares. */
  readonly schedules: readonly string[]
  readonly concurrency: number
  /** Without a heartbeat for this long the worker is dead. */
  readonly leaseMs: number
}

export interface WorkerRecord extends WorkerRegistration {
  readonly startedAt: number
  readonly heartbeatAt: number
  /** Alive by the store's clock. */
  readonly alive: boolean
  readonly runningCount: number
}

export interface ScheduleDefinition {
  readonly name: string
  /** A worker's declaration is reconciled at its start; one made by `kerja.schedules.upsert` stays until removed. */
  readonly source: 'worker' | 'api'
  readonly cron: string | null
  readonly everyMs: number | null
  readonly timeZone: string
  readonly missed: 'skip' | 'once' | 'all'
  readonly overlap: 'allow' | 'skip'
  /** What each tick enqueues; id, tick and run time are set per tick. */
  readonly template: NewJob
  /** First instant. */
  readonly nextAt: number
}

export interface ScheduleRecord extends ScheduleDefinition {
  readonly paused: boolean
  readonly lastAt: number | null
  readonly lastJobId: string | null
}

export interface ScheduleFiring {
  readonly name: string
  readonly expectedNextAt: number
  readonly nextAt: number
  readonly overlap: 'allow' | 'skip'
  readonly jobs: readonly NewJob[]
}
