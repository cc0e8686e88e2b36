import { describe, expect, it } from 'vitest'
import type { ClaimedJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { Prefetch } from './prefetch.js'

const jobs = (count: number, from = 0): ClaimedJob[] => Array.from({ length: count }, (_, index) => ({ jobId: String(from + index) }) as ClaimedJob)

function stage(concurrency: number) {
  const started: string[] = []
  const givenBack: string[] = []
  const prefetch = new Prefetch({
    concurrency,
    start: (job) => void started.push(job.jobId),
    giveBack: (back) => void givenBack.push(...back.map(({ jobId }) => jobId)),
    now: () => 0,
  })
  const endQuickly = (count: number): void => {
    for (let index = 0; index < count; index += 1) prefetch.ended(0)
  }
  return { prefetch, started, givenBack, endQuickly }
}

describe('claiming ahead', () => {
  it('is allowed once handlers have shown that they are quick, and no longer when they turn slow', () => {
    const { prefetch, endQuickly } = stage(10)
    expect(prefetch.allowance).toBe(0)
    endQuickly(100)
    expect(prefetch.allowance).toBe(10 * DEFAULTS.worker.prefetchRoundsMax)
    for (let index = 0; index < 200; index += 1) prefetch.ended(DEFAULTS.worker.prefetchRunMsMax / 1.5)
    expect(prefetch.allowance).toBe(10)
    for (let index = 0; index < 10; index += 1) prefetch.ended(DEFAULTS.worker.prefetchRunMsMax * 10)
    expect(prefetch.allowance).toBe(0)
  })

  it('is not for few slots, and never more than its limit', () => {
    const few = stage(2)
    few.endQuickly(100)
    expect(few.prefetch.allowance).toBe(0)
    const many = stage(5_000)
    many.endQuickly(100)
    expect(many.prefetch.allowance).toBe(DEFAULTS.worker.prefetchJobsMax)
  })

  it('starts as many as there are slots, in order, and the next when told after one has ended', () => {
    const { prefetch, started } = stage(2)
    prefetch.accept(jobs(4), 0)
    expect(started).toEqual(['0', '1'])
    prefetch.ended(0)
    expect(started).toEqual(['0', '1'])
    prefetch.startWaiting()
    expect(started).toEqual(['0', '1', '2'])
    prefetch.clear()
  })

  it('gives back what waits when cleared, and nothing twice', () => {
    const { prefetch, givenBack } = stage(1)
    prefetch.accept(jobs(3), 0)
    prefetch.clear()
    prefetch.clear()
    expect(givenBack).toEqual(['1', '2'])
  })

  it('does not go deeper with every handler that ends at once', () => {
    let startedCount = 0
    const prefetch: Prefetch = new Prefetch({
      concurrency: 1,
      start: () => {
        startedCount += 1
        prefetch.ended(0)
        prefetch.startWaiting()
      },
      giveBack: () => undefined,
      now: () => 0,
    })
    prefetch.accept(jobs(10_000), 0)
    expect(startedCount).toBe(10_000)
  })
})
