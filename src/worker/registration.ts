/** What a worker tells the store of itself when it starts, and what it checks before that. */
import { hostname } from 'node:os'
import type { Backend, ClaimKind } from '../contract/backend.js'
import type { WorkerRegistration } from '../contract/coordination.js'
import { DEFAULTS } from '../core/options.js'
import type { Handler } from '../define/definition.js'
import { KerjaError } from '../errors.js'
import { VERSION } from '../version.js'
import type { ResolvedWorkerOptions } from './options.js'
import type { WorkerParts } from './parts.js'

/** @throws {UNSUPPORTED} when a handler's timeout is over the backend's limit */
export function checkTimeouts({ name, capabilities }: Backend, handlers: ReadonlyMap<string, Handler>): void {
  const { leaseMsMax } = capabilities
  if (leaseMsMax === null) return
  for (const { job } of handlers.values()) {
    const { timeoutMs } = job.options
    if (timeoutMs !== null && timeoutMs <= leaseMsMax) continue
    throw new KerjaError(
      'UNSUPPORTED',
      `Job kind '${job.kind}' may run ${timeoutMs ?? 'for ever'} ms, but one run on ${name} lasts at most ${leaseMsMax} ms. Lower its timeout.`,
    )
  }
}

export const registrationOf = (id: string, { handlers, queues, concurrency, name, schedules }: ResolvedWorkerOptions): WorkerRegistration => ({
  id,
  name: name ?? hostname(),
  host: hostname(),
  pid: process.pid,
  version: VERSION,
  queues: [...queues.keys()],
  kinds: [...handlers.values()].map(({ job }) => ({ kind: job.kind, version: job.version })),
  schedules: schedules.map((schedule) => schedule.name),
  concurrency,
  leaseMs: DEFAULTS.worker.leaseMs,
})

/** What it asks for. */
export const claimKindsOf = (handlers: ReadonlyMap<string, Handler>): ClaimKind[] =>
  [...handlers.values()].map(({ job: { kind, version, options } }) => ({
    kind,
    version,
    leaseMs: options.timeoutMs === null ? null : options.timeoutMs + DEFAULTS.worker.leaseGraceMs,
  }))

/** Stores the declared schedules, and removes those that a former version of this worker declared. */
export async function declareSchedules({ coordination }: Backend, { schedules, handlers }: ResolvedWorkerOptions, parts: WorkerParts): Promise<void> {
  // First ticks are looked for from the store's time, by which they will be judged.
  const { now } = await coordination.dueSchedules({ limit: 1 })
  const definitions = await Promise.all(schedules.map((declaration) => parts.toScheduleDefinition(declaration, now)))
  await coordination.upsertSchedules(definitions, { reconcile: { kinds: [...handlers.keys()] } })
}
