/** `kerja/define`: definitions shared by web, worker and browser. Imports nothing of Node. */
export type { Duration } from '../core/duration.js'
export type { Outcome } from '../core/outcome.js'
export type { Priority } from '../core/state.js'
export type {
  AnyJob,
  BackoffOptions,
  EnqueueOptions,
  Handler,
  HandlerFunction,
  HandlerOptions,
  JobContext,
  JobDefinition,
  JobLogger,
  JobRequest,
  JobSpec,
  PayloadOf,
  ReturnedOf,
  TransactionHandle,
  UniqueOptions,
} from './definition.js'
export { defineJob } from './job.js'
export { defineSchedule, type ScheduleDeclaration, type ScheduleOptions } from './schedule.js'
export { type InputOf, type OutputOf, type Schema, type } from './schema.js'
