/** Typed lifecycle events of this process: what its producers enqueued and its workers ran. A throwing listener is contained and logged. */
import { EventEmitter } from 'node:events'
import type { JobFailure } from '../contract/job.js'
import { toJobFailure } from '../core/failure.js'
import type { Logger } from './logger.js'

interface JobEvent {
  readonly id: string
  readonly kind: string
  readonly queue: string
}

export interface LifecycleEvents {
  /** The job is durable. */
  'job.enqueued': JobEvent & { readonly duplicate: boolean }
  /** The job is on the local disk; it goes to the backend when that answers. */
  'job.spooled': JobEvent
  /** The handler is about to be called. `token` is the claim number, raised at every claim of the job. */
  'job.started': JobEvent & { readonly attempt: number; readonly token: number; readonly waitedMs: number }
  /** The completion is on disk. */
  'job.completed': JobEvent & { readonly attempt: number; readonly token: number; readonly durationMs: number }
  /** The failed attempt is on disk; the job runs again after `delayMs`. */
  'job.retried': JobEvent & { readonly attempt: number; readonly token: number; readonly delayMs: number; readonly failure: JobFailure }
  'job.failed': JobEvent & { readonly attempt: number; readonly token: number; readonly reason: string; readonly failure: JobFailure }
  'job.cancelled': JobEvent & { readonly reason: string }
  'job.snoozed': JobEvent & { readonly delayMs: number }
  /** Given back un-run or aborted at shutdown; no attempt burned. */
  'job.released': JobEvent
  /** Parked: its payload does not parse. */
  'job.held': JobEvent & { readonly reason: string; readonly failure: JobFailure }
  /** The store refused the settlement or the lease ended under the handler. */
  'job.lost': JobEvent & { readonly token: number; readonly why: string }
  /** A dead worker's job was taken over, or a hung one's lease ended. */
  'job.rescued': JobEvent & { readonly workerId: string; readonly cause: 'death' | 'timeout'; readonly outcome: string }
  /** Registered: at its start, and again under a new id after the store had taken it for dead. */
  'worker.started': { readonly workerId: string }
  'worker.stopped': { readonly workerId: string }
  /** A call to the backend failed; it is tried again. */
  'worker.trouble': { readonly workerId: string; readonly error: unknown }
  /** From now on jobs go to the spool at once: a call to the backend failed. */
  'spool.began': { readonly error: unknown }
  /** The backend answers again: jobs go there, and the spool is drained beside. */
  'spool.ended': { readonly jobCount: number }
  /** The backend has a batch of spooled jobs. `duplicate`: it had them already. `superseded`: others stand for them. `refused`: set aside. */
  'spool.drained': { readonly accepted: number; readonly duplicate: number; readonly superseded: number; readonly refused: number }
  /** The spool could not be drained, or not be read. It is tried again. */
  'spool.trouble': { readonly error: unknown }
  /** Something was set aside in this file of the spool folder: bytes that are no job, or a job that the backend refuses. */
  'spool.aside':
    | { readonly file: string; readonly reason: 'damaged' }
    | { readonly file: string; readonly reason: 'refused'; readonly jobId: string; readonly error: unknown }
  'schedule.fired': { readonly schedule: string; readonly jobIds: readonly string[] }
}

export type EventName = keyof LifecycleEvents
export type EventListener<Name extends EventName> = (event: LifecycleEvents[Name]) => void

export interface EventHub {
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void
  once<Name extends EventName>(name: Name): Promise<LifecycleEvents[Name]>
  emit<Name extends EventName>(name: Name, event: LifecycleEvents[Name]): void
  /** Whether anybody listens: lets hot paths skip building the event. */
  has(name: EventName): boolean
}

export function createEventHub(logger: Logger): EventHub {
  const emitter = new EventEmitter()
  emitter.setMaxListeners(0)
  const hub: EventHub = {
    on: (name, listener) => {
      emitter.on(name, listener)
      return () => void emitter.off(name, listener)
    },
    once: (name) => new Promise((resolve) => emitter.once(name, resolve)),
    has: (name) => emitter.listenerCount(name) > 0,
    emit: (name, event) => {
      for (const listener of emitter.rawListeners(name)) {
        // A listener is the application's code: its fault must not become the job's, nor end the process.
        const contain = (error: unknown): void => logger.error(`a listener of ${name} threw`, { error: toJobFailure(error).message })
        try {
          const returned: unknown = listener.call(emitter, event)
          if (returned instanceof Promise) returned.catch(contain)
        } catch (error) {
          contain(error)
        }
      }
    },
  }
  return hub
}
