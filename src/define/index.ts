/** `kerja/define`: definitions shared by web, worker and browser. Imports nothing of Node. */
export type { Duration } from '../core/duration.js'
export type { Outcome } from '../core/outcome.js'
export type { Priority } from '../core/state.js'
export type { JobContext, JobLogger } from './context.js'
export {
  type AnyJob,
  type BackoffOptions,
  defineJob,
  type EnqueueOptions,
  type Handler,
  type HandlerFunction,
  type HandlerOptions,
  type JobDefinition,
  type JobRequest,
  type JobSpec,
  type PayloadOf,
  type ReturnedOf,
  type TransactionHandle,
  type UniqueOptions,
} from './job.js'
export { defineSchedule, type ScheduleDeclaration, type ScheduleOptions } from './schedule.js'
export { type InputOf, type OutputOf, type Schema, type } from './schema.js'
