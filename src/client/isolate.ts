/** Writes a batch so that a poisonous job fails alone: a batch that fails as a whole is halved until the faulty jobs stand by themselves. */
import type { NewJob, PushOutcome } from '../contract/job.js'
import { isAway, isKerjaError, KerjaError, type KerjaErrorCode } from '../errors.js'

/** What became of one job: the store's answer, or the error it failed with. */
export type WriteOutcome = PushOutcome

export type WriteJobs = (jobs: readonly NewJob[]) => Promise<readonly WriteOutcome[]>

// Writing the halves could only fail again, and would make the trouble worse.
const WHOLE: readonly KerjaErrorCode[] = ['UNSUPPORTED', 'TRANSACTION_INVALID', 'SPOOL_FULL', 'SPOOL_UNAVAILABLE']
const failsWhole = (error: unknown): boolean => isAway(error) || (isKerjaError(error) && WHOLE.includes(error.code))

/** One outcome per job, in order. Never rejects. At most twice as many writes as jobs. */
export async function writeIsolated(write: WriteJobs, jobs: readonly NewJob[]): Promise<readonly WriteOutcome[]> {
  try {
    const results = await write(jobs)
    return results.length === jobs.length ? results : jobs.map((_, index) => results[index] ?? unanswered(jobs.length, results.length))
  } catch (error) {
    if (jobs.length === 1 || failsWhole(error)) return jobs.map(() => ({ status: 'error', error }))
    const middle = jobs.length >> 1
    // One after the other: a failing write inside a store's transaction is slow, and order within a batch is kept.
    const first = await writeIsolated(write, jobs.slice(0, middle))
    return [...first, ...(await writeIsolated(write, jobs.slice(middle)))]
  }
}

const unanswered = (sentCount: number, answeredCount: number): WriteOutcome => ({
  status: 'error',
  error: new KerjaError('BACKEND_UNAVAILABLE', `The backend answered ${answeredCount} of ${sentCount} jobs; whether this one is stored is unknown.`),
})
