/** Short ways to take, read, let go and accept, for the topics `transfer` and `accept`. */
import type { CarriedJob, CarriedKey, Departure, JobRecord, LeaveResult } from '../../contract/index.js'
import { DAY, HOUR } from './build.js'
import type { Stage, StageWorker } from './stage.js'

export const PAGE = Object.freeze({ limit: 100, charactersMax: 1_000_000, cursor: null })

export type CarriedLease = Parameters<Stage['settle']>[0]

/** Takes every page, by a forwarder of its own unless one is given. */
export async function takeAll({ backend, worker }: Stage, by?: StageWorker): Promise<CarriedJob[]> {
  const { id: workerId } = by ?? (await worker({ kinds: [], queues: [] }))
  const jobs: CarriedJob[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.take({ ...PAGE, cursor, workerId })
    jobs.push(...page.jobs)
    cursor = page.next
  } while (cursor !== null)
  return jobs
}

/** The sizes of the pages that hold anything. */
export async function pageSizes({ backend, worker }: Stage, bounds: { readonly limit: number; readonly charactersMax: number }): Promise<number[]> {
  const { id: workerId } = await worker()
  const sizes: number[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.take({ ...bounds, cursor, workerId })
    if (page.jobs.length > 0) sizes.push(page.jobs.length)
    cursor = page.next
  } while (cursor !== null)
  return sizes
}

export async function readEnded({ backend }: Stage): Promise<{ readonly jobs: readonly CarriedJob[]; readonly next: string | null }> {
  const jobs: CarriedJob[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.ended({ ...PAGE, cursor })
    jobs.push(...page.jobs)
    cursor = page.next
  } while (cursor !== null)
  return { jobs, next: cursor }
}

export const departureOf = ({ jobId, token, handle, end }: CarriedJob): Departure => ({
  jobId,
  token,
  handle,
  finishedAt: end?.finishedAt ?? null,
  cancelCarried: false,
})

export const leave = ({ backend }: Stage, jobs: readonly CarriedJob[]): Promise<readonly LeaveResult[]> =>
  backend.transfer.leave(jobs.map(departureOf))

export async function leaveAndAccept(stage: Stage): Promise<void> {
  const carried = await takeAll(stage)
  await leave(stage, carried)
  await stage.backend.transfer.accept(carried)
}

/** A job as another store would hand it over. */
export async function foreignJob(stage: Stage): Promise<CarriedJob> {
  await stage.pushOne()
  const [carried] = (await takeAll(stage)) as [CarriedJob]
  await leave(stage, [carried])
  return carried
}

/** A job as a spool would hand it over: due in an hour, enqueued now. */
export async function spooledJob(
  stage: Stage,
  {
    key = 'the-key',
    payload = '{"new":true}',
    ...asked
  }: Pick<CarriedKey, 'replaces' | 'debounced'> & { readonly key?: string; readonly payload?: string },
): Promise<CarriedJob> {
  const now = stage.clock.now()
  const job = { ...(await foreignJob(stage)), createdAt: now, runAt: now + HOUR, startBy: now + DAY, version: 2, priority: 1, token: 0 } as const
  return { ...job, payload, unique: { key, scope: 'waiting', ...asked } }
}

export const withoutToken = ({ token: _token, ...record }: JobRecord): Omit<JobRecord, 'token'> => record
