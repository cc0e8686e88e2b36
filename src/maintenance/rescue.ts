/**
 * Rescue: finds claims that no longer hold and settles them in their dead (or hung) holder's place. Every worker does it, so that it needs
 * no leader who may himself be the dead one. Safe to run twice: the settlement carries the token, the second one is `lost`.
 */
import type { Backend, LapsedLease } from '../contract/backend.js'
import type { Settlement } from '../contract/job.js'
import type { BackoffPolicy } from '../core/backoff.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import { decideLapse } from '../core/retry.js'
import { KerjaError } from '../errors.js'
import type { EventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'
import type { Duty } from './duty.js'

export interface RescueOptions {
  readonly backend: Backend
  /** The backoff of a kind this worker knows. */
  readonly backoffOf: (kind: string) => BackoffPolicy | undefined
  readonly random: () => number
  readonly events: EventHub
  readonly logger: Logger
}

export function createRescue(options: RescueOptions): Duty {
  const { backend, events, logger } = options
  return {
    name: 'rescue',
    everyMs: DEFAULTS.maintenance.rescueMs,
    leader: false,
    async run() {
      for (const workerId of await backend.coordination.reapWorkers()) logger.warn('a worker is dead; its jobs are taken over', { workerId })
      for (;;) {
        const lapsed = await backend.queue.lapsed({ limit: DEFAULTS.maintenance.rescueJobsMax })
        if (lapsed.length === 0) return
        const settlements = lapsed.map((lease) => toSettlement(lease, options))
        const results = await backend.queue.settle(settlements)
        lapsed.forEach((lease, index) => {
          const { jobId: id, kind, queue, workerId, cause } = lease
          if (results[index] !== 'lost') events.emit('job.rescued', { id, kind, queue, workerId, cause, outcome: settlements[index]?.outcome ?? '' })
        })
        if (lapsed.length < DEFAULTS.maintenance.rescueJobsMax) return
      }
    },
  }
}

function toSettlement(lease: LapsedLease, { backoffOf, random }: RescueOptions): Settlement {
  const decision = decideLapse({ ...lease, backoff: backoffOf(lease.kind) ?? DEFAULTS.job.backoff, random })
  const failure = toJobFailure(
    lease.cause === 'death'
      ? new KerjaError('JOB_CRASHED', `The process of worker ${lease.workerId} died while it ran the job.`)
      : new KerjaError('JOB_TIMEOUT', `The attempt outlived its timeout on worker ${lease.workerId}, which did not end it.`),
  )
  if (decision.outcome === 'release') return { lease, ...decision }
  if (decision.outcome === 'fail') return { lease, ...decision, failure, retentionMs: DEFAULTS.job.failedRetentionMs }
  return { lease, ...decision, failure }
}
