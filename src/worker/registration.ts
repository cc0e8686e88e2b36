/** What a worker tells the store of itself when it starts and when it leaves, and what it checks before that. A store that keeps no such record is told nothing. */
import { hostname } from 'node:os'
import type { Backend, ClaimKind } from '../contract/backend.js'
import type { WorkerRegistration } from '../contract/coordination.js'
import { DEFAULTS } from '../core/options.js'
import type { Handler } from '../define/definition.js'
import { KerjaError, UnsupportedError } from '../errors.js'
import { VERSION } from '../version.js'
import type { ResolvedWorkerOptions } from './options.js'
import type { WorkerParts } from './parts.js'

/** @throws {UNSUPPORTED} the backend keeps no schedules, or a handler's timeout is over its limit */
export function refuseUnable({ name, capabilities }: Backend, { handlers, schedules }: ResolvedWorkerOptions): void {
  const { leaseMsMax } = capabilities
  const [schedule] = schedules
  if (schedule !== undefined && !capabilities.coordination)
    throw new UnsupportedError(name, `keep the schedule '${schedule.name}'`, 'Give it a state, or declare no schedules.')
  if (leaseMsMax === null) return
  for (const { job } of handlers.values()) {
    const { timeoutMs } = job.options
    if (timeoutMs !== null && timeoutMs <= leaseMsMax) continue
    throw new KerjaError(
      'UNSUPPORTED',
      `Job kind '${job.kind}' may run ${timeoutMs === null ? 'for ever' : `${timeoutMs} ms`}, but one run on ${name} lasts at most ${leaseMsMax} ms. Lower its timeout, or give ${name} a state: then runs have no limit.`,
      { details: { kind: job.kind, timeoutMs, leaseMsMax } },
    )
  }
}

const registrationOf = (id: string, { handlers, queues, concurrency, name, schedules }: ResolvedWorkerOptions): WorkerRegistration => ({
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

export async function register({ capabilities, coordination }: Backend, id: string, options: ResolvedWorkerOptions): Promise<void> {
  if (capabilities.coordination) await coordination.registerWorker(registrationOf(id, options))
}

export async function deregister({ capabilities, coordination }: Backend, id: string): Promise<void> {
  if (capabilities.coordination) await coordination.deregisterWorker(id)
}

/** What it asks for. */
export const claimKindsOf = (handlers: ReadonlyMap<string, Handler>): ClaimKind[] =>
  [...handlers.values()].map(({ job: { kind, version, options } }) => ({
    kind,
    version,
    leaseMs: options.timeoutMs === null ? null : options.timeoutMs + DEFAULTS.worker.leaseGraceMs,
  }))

/** Stores the declared schedules, and removes those that a former version of this worker declared. */
export async function declareSchedules(
  { capabilities, coordination }: Backend,
  { schedules, handlers }: ResolvedWorkerOptions,
  parts: WorkerParts,
): Promise<void> {
  if (!capabilities.coordination) return
  // First ticks are looked for from the store's time, by which they will be judged.
  const { now } = await coordination.dueSchedules({ limit: 1 })
  const definitions = await Promise.all(schedules.map((declaration) => parts.toScheduleDefinition(declaration, now)))
  await coordination.upsertSchedules(definitions, { reconcile: { kinds: [...handlers.keys()] } })
}
