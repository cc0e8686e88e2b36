/** Ends waiting jobs that are past `startWithin` or `giveUpAfter`. Claims do it too; this reaches jobs nobody claims. */
import type { Queue } from '../contract/backend.js'
import { DEFAULTS } from '../core/options.js'
import type { Duty } from './duty.js'

export const createExpire = (queue: Pick<Queue, 'expire'>): Duty => ({
  name: 'expire',
  everyMs: DEFAULTS.maintenance.expireMs,
  leader: true,
  async run() {
    const limit = DEFAULTS.maintenance.batchJobsMax
    while ((await queue.expire({ limit, retentionMs: DEFAULTS.job.failedRetentionMs })) === limit);
  },
})
