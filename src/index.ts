/** `kerja`: public names only. */
export type { EnqueueManyOptions } from './client/enqueue-many.js'
export type { JobChange, JobList, JobListQuery, JobOutcome, Jobs } from './client/jobs.js'
export type { AwaitOptions } from './client/options.js'
export type { QueueStatus, Queues } from './client/queues.js'
export type { Receipt } from './client/receipt.js'
export type { ScheduleStatus, Schedules } from './client/schedules.js'
export type { Spool } from './client/spool.js'
export type { Attempt, Job, JobProgressView, LogLineView } from './client/view.js'
export type { WatchEvent, WatchOptions } from './client/watch.js'
export type { WorkerStatus, Workers } from './client/workers.js'
export { defineConfig, type KerjaConfig, type KerjaOptions, type SpoolOptions } from './config.js'
export type { HoldReason, JobState } from './core/state.js'
export {
  type AnyJob,
  type BackoffOptions,
  type Duration,
  defineJob,
  defineSchedule,
  type EnqueueOptions,
  type Handler,
  type HandlerFunction,
  type HandlerOptions,
  type InputOf,
  type JobContext,
  type JobDefinition,
  type JobLogger,
  type JobRequest,
  type JobSpec,
  type Outcome,
  type OutputOf,
  type PayloadOf,
  type Priority,
  type ReturnedOf,
  type ScheduleDeclaration,
  type ScheduleOptions,
  type Schema,
  type TransactionHandle,
  type,
  type UniqueOptions,
} from './define/index.js'
export {
  EnqueueTimeoutError,
  ERROR_CODES,
  IdempotencyConflictError,
  isKerjaError,
  JobCancelledError,
  JobFailedError,
  KerjaError,
  type KerjaErrorCode,
  type KerjaErrorOptions,
  LeaseLostError,
  ResultTimeoutError,
  UniqueConflictError,
  UnsupportedError,
} from './errors.js'
export { Kerja } from './kerja.js'
export type { EventHub, EventListener, EventName, LifecycleEvents } from './observe/events.js'
export { createLogger, type Logger, type LogLevel } from './observe/logger.js'
export type { SpoolStatus } from './observe/spool-status.js'
export type { WorkerOptions } from './worker/options.js'
export type { Worker, WorkerState } from './worker/worker.js'
