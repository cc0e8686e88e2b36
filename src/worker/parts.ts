/** What a worker is made of: handed in by the composition root, so that the worker knows neither the client nor a backend. */
import type { Backend } from '../contract/backend.js'
import type { ScheduleDefinition } from '../contract/coordination.js'
import type { NewJob } from '../contract/job.js'
import type { AnyJob, EnqueueOptions } from '../define/definition.js'
import type { ScheduleDeclaration } from '../define/schedule.js'
import type { EventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'

export interface WorkerParts {
  /** The opened backend. */
  readonly open: () => Promise<Backend>
  readonly producer: WorkerProducer
  readonly toScheduleDefinition: (declaration: ScheduleDeclaration, now: number) => Promise<ScheduleDefinition>
  /** The job of one tick: its id is the same whoever makes it. */
  readonly toTickJob: (template: NewJob, schedule: string, instant: number) => NewJob
  readonly createId: () => string
  readonly events: EventHub
  readonly logger: Logger
  /** After `run()`: closes what the worker was made from. */
  readonly close: () => Promise<void>
}

/** How a handler's `ctx.enqueue` reaches the producer. */
export interface WorkerProducer {
  enqueueAs(
    job: AnyJob,
    payload: unknown,
    options: EnqueueOptions,
    origin: JobOrigin,
  ): Promise<{ readonly id: string; readonly duplicate: boolean | 'unknown' }>
  prepareAs(job: AnyJob, payload: unknown, options: EnqueueOptions, origin: JobOrigin): NewJob | Promise<NewJob>
}

export interface JobOrigin {
  readonly parentId: string
  readonly parentCreatedAt: number
  /** How often this parent's run has asked for this kind and payload before: two equal requests are two jobs, a rerun's are the same two. */
  readonly occurrences: Map<string, number>
}
