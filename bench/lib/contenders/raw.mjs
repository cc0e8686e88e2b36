/** The raw engine as a contender. */
import { openGroupCommit } from '../raw/group-commit.mjs'
import { openJobsTable, prepareSettleAndClaim } from '../raw/jobs-table.mjs'

export const openProducer = openGroupCommit

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
