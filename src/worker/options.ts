/** What a worker takes, and the one place where its defaults meet its input. */
import { type Duration, parseDuration } from '../core/duration.js'
import { checkInteger, checkName } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { rejectUnknown } from '../core/suggest.js'
import type { Handler } from '../define/definition.js'
import type { ScheduleDeclaration } from '../define/schedule.js'
import { KerjaError, quote } from '../errors.js'

export type QueueOf<H extends readonly Handler[]> = H[number]['job']['queue']

export interface WorkerOptions<H extends readonly Handler[] = readonly Handler[]> {
  /** What this worker runs, one handler per kind. It serves every queue these jobs use. */
  readonly handlers: H
  /** Jobs at a time, from 1 to 10,000. @default 10 */
  readonly concurrency?: number
  /** Queues that may use only part of the concurrency. */
  readonly queues?: { readonly [Q in QueueOf<H>]?: number }
  /** Queues served beside those the handlers name: for jobs enqueued with `queue`. */
  readonly alsoServe?: readonly string[]
  /** Declared schedules are reconciled at start: one removed here disappears from the store. */
  readonly schedules?: readonly ScheduleDeclaration[]
  /** From the stop signal to the abort of what still runs. @default '25s' */
  readonly shutdownGrace?: Duration
  /** Shown in `kerja workers`. @default the host name */
  readonly name?: string
}

export interface ResolvedWorkerOptions {
  readonly handlers: ReadonlyMap<string, Handler>
  readonly concurrency: number
  readonly queues: ReadonlyMap<string, number | null>
  readonly schedules: readonly ScheduleDeclaration[]
  readonly shutdownGraceMs: number
  readonly name: string | null
}

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} {HANDLER_INVALID} {HANDLER_DUPLICATE} */
export function resolveWorkerOptions(input: WorkerOptions): ResolvedWorkerOptions {
  if (typeof input !== 'object' || input === null)
    throw new KerjaError('OPTION_INVALID', `kerja.worker() takes an object with handlers; got ${quote(input)}.`)
  rejectUnknown(input, ['handlers', 'concurrency', 'queues', 'alsoServe', 'schedules', 'shutdownGrace', 'name'], 'kerja.worker()')
  const handlers = indexHandlers(input.handlers)
  const concurrency = checkInteger(input.concurrency ?? DEFAULTS.worker.concurrency, 'concurrency', { min: 1, max: DEFAULTS.worker.concurrencyMax })
  return {
    handlers,
    concurrency,
    queues: resolveQueues(input, handlers, concurrency),
    schedules: checkSchedules(input.schedules ?? []),
    shutdownGraceMs: parseDuration(input.shutdownGrace ?? DEFAULTS.worker.shutdownGraceMs, 'shutdownGrace'),
    name: input.name === undefined ? null : checkName(input.name, 'name'),
  }
}

function indexHandlers(handlers: unknown): ReadonlyMap<string, Handler> {
  if (!Array.isArray(handlers) || handlers.length === 0) {
    throw new KerjaError('OPTION_INVALID', `handlers must be an array of at least one job.handle(…); got ${quote(handlers)}.`)
  }
  const byKind = new Map<string, Handler>()
  for (const handler of handlers as readonly Partial<Handler>[]) {
    const kind = handler?.job?.kind
    if (kind === undefined || typeof handler.run !== 'function') {
      throw new KerjaError('HANDLER_INVALID', `handlers must hold what job.handle(…) returns; got ${quote(handler)}. Did you pass the job itself?`)
    }
    if (byKind.has(kind)) throw new KerjaError('HANDLER_DUPLICATE', `Two handlers serve kind '${kind}'. Keep one.`)
    byKind.set(kind, handler as Handler)
  }
  return byKind
}

function resolveQueues(input: WorkerOptions, handlers: ReadonlyMap<string, Handler>, concurrency: number): ReadonlyMap<string, number | null> {
  const queues = new Map<string, number | null>()
  for (const handler of handlers.values()) queues.set(handler.job.queue, null)
  for (const queue of input.alsoServe ?? []) queues.set(checkName(queue, 'alsoServe'), null)
  const limits: Readonly<Record<string, unknown>> = input.queues ?? {}
  rejectUnknown(limits, [...queues.keys()], 'kerja.worker({ queues })')
  for (const [queue, limit] of Object.entries(limits)) queues.set(queue, checkInteger(limit, `queues['${queue}']`, { min: 1, max: concurrency }))
  return queues
}

function checkSchedules(schedules: readonly ScheduleDeclaration[]): readonly ScheduleDeclaration[] {
  const names = new Set<string>()
  for (const { name, rule } of schedules) {
    if (rule === undefined) throw new KerjaError('OPTION_INVALID', `schedules must hold what defineSchedule(…) returns; got ${quote(name)}.`)
    if (names.has(name))
      throw new KerjaError('OPTION_INVALID', `Two schedules have the name '${name}'. Names are what a deploy recognises them by: keep one.`)
    names.add(name)
  }
  return schedules
}
