/** A Kerja on one backend, with its workers and everything that its lifecycle events told. Closed after the test. */
import { type AnyJob, type EventName, type Handler, type Job, Kerja, type LifecycleEvents, type Worker, type WorkerOptions } from 'kerja'
import type { Backend } from 'kerja/backend'
import { onTestFinished } from 'vitest'
import { createWaiting } from './waiting.js'

const EVENT_NAMES: readonly EventName[] = [
  'job.enqueued',
  'job.started',
  'job.completed',
  'job.retried',
  'job.failed',
  'job.cancelled',
  'job.snoozed',
  'job.released',
  'job.held',
  'job.lost',
  'job.rescued',
  'worker.started',
  'worker.stopped',
  'worker.trouble',
  'schedule.fired',
]

export interface Stage {
  readonly kerja: Kerja
  readonly backend: Backend
  /** Starts a worker of these handlers. */
  work(...handlers: Handler[]): Promise<Worker>
  start(options: WorkerOptions): Promise<Worker>
  /** What was told so far, oldest first; of one job when `id` is given. */
  seen<Name extends EventName>(name: Name, id?: string): readonly LifecycleEvents[Name][]
  /** The `count`-th event of that name, whether told already or still to come. */
  until<Name extends EventName>(name: Name, id?: string, count?: number): Promise<LifecycleEvents[Name]>
  /** The job once it has completed, failed or been cancelled. */
  ended(id: string): Promise<Job>
  /** Enqueues and waits for the end. */
  run(job: AnyJob, payload?: unknown): Promise<Job>
}

export function openStage(backend: Backend): Stage {
  const kerja = new Kerja({ backend, logger: 'silent' })
  onTestFinished(() => kerja.close())
  // By name, and by name and id: tests with many jobs must not become slow by looking.
  const told = new Map<string, LifecycleEvents[EventName][]>()
  const tell = (key: string, event: LifecycleEvents[EventName]): void => {
    const events = told.get(key)
    if (events === undefined) told.set(key, [event])
    else events.push(event)
  }
  const { check, when } = createWaiting()
  for (const name of EVENT_NAMES) {
    kerja.events.on(name, (event) => {
      tell(name, event)
      if ('id' in event) tell(`${name} ${event.id}`, event)
      check()
    })
  }

  const seen = <Name extends EventName>(name: Name, id?: string): readonly LifecycleEvents[Name][] =>
    (told.get(id === undefined ? name : `${name} ${id}`) ?? []) as LifecycleEvents[Name][]

  const stage: Stage = {
    kerja,
    backend,
    seen,
    until: (name, id, count = 1) => when(() => seen(name, id)[count - 1]),
    work: (...handlers) => stage.start({ handlers }),
    async start(options) {
      // Short, so that tests whose handlers hang end soon.
      const worker = kerja.worker({ shutdownGrace: '100ms', ...options })
      await worker.start()
      return worker
    },
    async ended(id) {
      await when(() => seen('job.completed', id)[0] ?? seen('job.failed', id)[0] ?? seen('job.cancelled', id)[0])
      return kerja.jobs.get(id)
    },
    async run(job, payload = {}) {
      const { id } = await kerja.enqueue(job, payload)
      return stage.ended(id)
    },
  }
  return stage
}

/** Rejects with nothing: wait for it where only its resolution counts. */
export interface Gate<Value = void> {
  readonly opened: Promise<Value>
  readonly open: (value: Value) => void
}

/** A promise and what resolves it. */
export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => undefined
  const opened = new Promise<Value>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Resolves when the signal aborts, with why. */
export function aborted(signal: AbortSignal): Promise<{ readonly code?: string; readonly message?: string }> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })
}

/** Turns of the event loop: what is ready now has run. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}
