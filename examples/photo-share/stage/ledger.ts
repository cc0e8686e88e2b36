/** What Kerja's own ledger says of all jobs: read at the end, when the demo counts. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, JobState, Kerja } from 'kerja'

const LIVE: readonly JobState[] = ['scheduled', 'available', 'running', 'retryable']
const PAGE_JOBS = 200
const ASK_EVERY_MS = 250

export interface LiveCounts {
  readonly waiting: number
  readonly running: number
}

/** The report's schedule never ends, so its queue does not count. */
export async function countLive(kerja: Kerja): Promise<LiveCounts> {
  const queues = (await kerja.queues.stats()).filter(({ queue }) => queue !== 'reports')
  const sum = (state: JobState) => queues.reduce((total, { counts }) => total + counts[state], 0)
  return { waiting: sum('scheduled') + sum('available') + sum('retryable'), running: sum('running') }
}

/** Resolves with true when no job is left, with false when none has ended for `stallMs`: how long all of it takes depends on the machine. */
export async function untilDrained(kerja: Kerja, stallMs: number): Promise<boolean> {
  let least = Number.POSITIVE_INFINITY
  let movedAt = performance.now()
  while (performance.now() - movedAt < stallMs) {
    const { waiting, running } = await countLive(kerja)
    if (waiting + running === 0) return true
    if (waiting + running < least) {
      least = waiting + running
      movedAt = performance.now()
    }
    await sleep(ASK_EVERY_MS)
  }
  return false
}

export async function readAllJobs(kerja: Kerja): Promise<readonly Job[]> {
  const all: Job[] = []
  let cursor: string | null = null
  do {
    const { jobs, next }: { jobs: readonly Job[]; next: string | null } = await kerja.jobs.list({
      limit: PAGE_JOBS,
      ...(cursor === null ? {} : { cursor }),
    })
    all.push(...jobs)
    cursor = next
  } while (cursor !== null)
  return all
}

export const isLive = (job: Job): boolean => LIVE.includes(job.state)
