/** The raw engine as a contender. */
import { openJobsTable, prepareSettleAndClaim } from '../raw/jobs-table.mjs'
import { openThreadProducer } from '../raw/thread.mjs'

export const openProducer = openThreadProducer

/** Resolves when `count` jobs are gone from the disk. */
export async function drain({ count, concurrency }) {
  const settleAndClaim = prepareSettleAndClaim(openJobsTable())
  let claimed = []
  let settled = 0
  while (settled < count) {
    settled += claimed.length
    claimed = settleAndClaim(claimed, concurrency)
  }
}

/** Everything runs in the measured process. */
export const serverCpuSeconds = async () => 0
