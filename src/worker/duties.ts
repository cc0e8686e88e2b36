/** What every worker does beside its jobs: rescue, schedules, expiry, retention. Nothing of it where processes cannot agree, and there is nothing to look after. */
import type { Backend } from '../contract/backend.js'
import type { Handler } from '../define/definition.js'
import { createDutyRunner, type DutyRunner } from '../maintenance/duty.js'
import { createExpire } from '../maintenance/expire.js'
import { createRescue } from '../maintenance/rescue.js'
import { createRetention } from '../maintenance/retention.js'
import { createScheduler } from '../scheduler/scheduler.js'
import type { WorkerParts } from './parts.js'

export interface WorkerDutiesOptions {
  readonly backend: Backend
  readonly handlers: ReadonlyMap<string, Handler>
  readonly workerId: () => string
  readonly parts: Pick<WorkerParts, 'events' | 'logger' | 'toTickJob'>
  readonly onTrouble: (error: unknown) => void
}

export function createWorkerDuties({ backend, handlers, workerId, parts, onTrouble }: WorkerDutiesOptions): DutyRunner | undefined {
  if (!backend.capabilities.coordination) return undefined
  const { events, logger, toTickJob } = parts
  const { queue, ledger, coordination } = backend
  const backoffOf = (kind: string) => handlers.get(kind)?.job.options.backoff
  const duties = [
    createRescue({ backend, backoffOf, random: Math.random, events, logger }),
    createScheduler({ coordination, toTickJob, events }),
    createExpire(queue),
    createRetention(ledger),
  ]
  return createDutyRunner({ duties, workerId, coordination, random: Math.random, onTrouble })
}
