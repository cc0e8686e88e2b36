/**
 * One batch from source to target: accept there, durably; then let it go here. A crash between the two leaves its jobs in both stores: here under
 * a lease that lapses, there for good. The next forwarder takes them again and they merge by id.
 */
import type { Backend } from '../contract/backend.js'
import type { AcceptResult, CancelRequest, CarriedJob, Departure, LeaveResult } from '../contract/transfer.js'
import { isAway } from '../errors.js'
import type { Again } from './again.js'

export interface Tally {
  /** Left the source: the sum of `accepted`, `duplicate` and `superseded`, without the `lost`. */
  readonly moved: number
  readonly accepted: number
  /** The target knew the id. */
  readonly duplicate: number
  /** Recorded at the target as standing behind another job. */
  readonly superseded: number
  /** The source had taken it back: it is at both, and will merge when it is carried again. */
  readonly lost: number
  /** The target refused it; it is still at the source. */
  readonly refused: readonly Refusal[]
}

export interface Refusal {
  readonly jobId: string
  readonly error: unknown
}

export interface CarryParts {
  readonly source: Backend
  readonly target: Backend
  readonly again: Again
}

/** @throws what the target or the source fails with as a whole; the jobs are then given back as far as that is possible */
export async function carry(jobs: readonly CarriedJob[], parts: CarryParts): Promise<Tally> {
  const { source, again } = parts
  try {
    const outcomes = await acceptEach(jobs, parts)
    const there = jobs.filter((_, index) => 'status' in (outcomes[index] as Outcome))
    const left = there.length === 0 ? [] : await again(() => source.transfer.leave(there.map((job) => departureOf(job))))
    const cancelled = await carryCancellations(there, left, parts)
    const refused = outcomes.filter((outcome) => 'error' in outcome)
    if (refused.length > 0)
      await giveBack(
        source,
        jobs.filter((_, index) => 'error' in (outcomes[index] as Outcome)),
      )
    const lost = left.filter((result) => result === 'lost').length + cancelled.filter((result) => result === 'lost').length
    const count = (status: AcceptResult['status']): number => outcomes.filter((outcome) => 'status' in outcome && outcome.status === status).length
    return {
      moved: there.length - lost,
      accepted: count('accepted'),
      duplicate: count('duplicate'),
      superseded: count('superseded'),
      lost,
      refused,
    }
  } catch (error) {
    // Whoever serves the source may run them. Should they be at the target all the same, they merge when they are carried again.
    await giveBack(source, jobs).catch(() => undefined)
    throw error
  }
}

export type Outcome = AcceptResult | Refusal

/** A batch that is refused as a whole is halved until the faulty jobs stand by themselves. */
export async function acceptEach(jobs: readonly CarriedJob[], parts: Pick<CarryParts, 'target' | 'again'>): Promise<readonly Outcome[]> {
  try {
    return await parts.again(() => parts.target.transfer.accept(jobs))
  } catch (error) {
    if (isAway(error)) throw error
    const [first] = jobs
    if (first !== undefined && jobs.length === 1) return [{ jobId: first.jobId, error }]
    const middle = jobs.length >> 1
    return [...(await acceptEach(jobs.slice(0, middle), parts)), ...(await acceptEach(jobs.slice(middle), parts))]
  }
}

/** Cancellations that were requested while the jobs were under way are carried out where they are now; only then do they leave. */
async function carryCancellations(jobs: readonly CarriedJob[], left: readonly LeaveResult[], { source, target, again }: CarryParts) {
  const asked = jobs.flatMap((job, index) => {
    const result = left[index] as LeaveResult
    return typeof result === 'string' ? [] : [{ job, request: result as CancelRequest }]
  })
  for (const { job, request } of asked) await again(() => target.ledger.cancel([job.jobId], request))
  return asked.length === 0 ? [] : again(() => source.transfer.leave(asked.map(({ job }) => ({ ...departureOf(job), cancelCarried: true }))))
}

const departureOf = ({ jobId, token, handle, end }: CarriedJob): Departure => ({
  jobId,
  token,
  handle,
  finishedAt: end?.finishedAt ?? null,
  cancelCarried: false,
})

/** Those that were taken wait again as before. */
async function giveBack(source: Backend, jobs: readonly CarriedJob[]): Promise<void> {
  const taken = jobs.filter(({ end }) => end === null)
  if (taken.length === 0) return
  await source.queue.settle(taken.map(({ jobId, token, handle }) => ({ lease: { jobId, token, handle }, outcome: 'release' })))
}
