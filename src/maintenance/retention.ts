/** Deletes records past their retention, in batches small enough that claims pass between them. */
import type { Ledger } from '../contract/ledger.js'
import { DEFAULTS } from '../core/options.js'
import type { Duty } from './duty.js'

export const createRetention = (ledger: Pick<Ledger, 'prune'>): Duty => ({
  name: 'retention',
  everyMs: DEFAULTS.maintenance.pruneMs,
  leader: true,
  async run() {
    const limit = DEFAULTS.maintenance.batchJobsMax
    while ((await ledger.prune({ limit })) === limit);
  },
})
