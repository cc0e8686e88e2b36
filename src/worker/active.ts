/** One run that this worker holds, from claim to acknowledged settlement. */
import type { ClaimedJob } from '../contract/job.js'
import type { Run } from './context.js'
import type { Timer } from './timer.js'

export interface Active {
  readonly job: ClaimedJob
  readonly run: Run
  readonly claimedAtMs: number
  timer: Timer | undefined
  startedAtMs: number
  settling: boolean
  overrun: boolean
}
