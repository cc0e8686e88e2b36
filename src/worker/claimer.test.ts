// When the claimer asks, with a scripted store: what a real one shows only in rare moments.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClaimRequest, ClaimResult } from '../contract/backend.js'
import type { ClaimedJob } from '../contract/job.js'
import { Claimer } from './claimer.js'

const nothing: ClaimResult = { jobs: [], nextDueInMs: null, suspectsWait: false }
const suspectsWait: ClaimResult = { ...nothing, suspectsWait: true }
let lastId = 0
const claimed = (queue = 'default', alone = false): ClaimedJob => {
  lastId += 1
  return { jobId: `job-${lastId}`, token: 1, queue, alone } as ClaimedJob
}

function stage(claim: (request: ClaimRequest) => Promise<ClaimResult>, overrides: Partial<ConstructorParameters<typeof Claimer>[0]> = {}) {
  const requests: ClaimRequest[] = []
  const running: ClaimedJob[] = []
  const claimer = new Claimer({
    workerId: () => 'worker',
    concurrency: 4,
    queues: new Map([['default', null]]),
    kinds: [],
    claim: (request) => {
      requests.push(request)
      return claim(request)
    },
    onJobs: (jobs) => void running.push(...jobs),
    onTrouble: () => undefined,
    allowance: () => 0,
    mayClaim: () => true,
    askToDrain: async () => true,
    random: () => 0,
    now: () => 0,
    ...overrides,
  })
  /** As the worker does it when a handler ends. */
  const end = (job: ClaimedJob | undefined): void => {
    if (job === undefined) throw new Error('no such job')
    running.splice(running.indexOf(job), 1)
    claimer.release(job)
    claimer.pump()
  }
  return { claimer, requests, running, end }
}

describe('the claimer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('polls once a second while idle', async () => {
    const { claimer, requests } = stage(async () => nothing)
    claimer.pump()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(requests).toHaveLength(11)
  })

  it('asks when the next job is due', async () => {
    const { claimer, requests } = stage(async () => ({ ...nothing, nextDueInMs: 300 }))
    claimer.pump()
    await vi.advanceTimersByTimeAsync(301)
    expect(requests).toHaveLength(2)
  })

  it('asks again when woken while a claim was under way', async () => {
    const { claimer, requests } = stage(async () => nothing)
    claimer.pump()
    claimer.wake()
    await vi.advanceTimersByTimeAsync(0)
    expect(requests).toHaveLength(2)
  })

  it('waits longer and longer while the store is in trouble, at most five seconds', async () => {
    const times: number[] = []
    const { claimer } = stage(async () => {
      times.push(Date.now())
      throw new Error('away')
    })
    claimer.pump()
    for (let second = 0; second < 60; second += 1) {
      claimer.wake()
      await vi.advanceTimersByTimeAsync(1_000)
    }
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(waits.slice(0, 8)).toEqual([50, 100, 200, 400, 800, 1_600, 2_500, 2_500])
    expect(Math.max(...waits)).toBe(2_500)
  })

  it('does not turn in circles while suspects wait that others may run', async () => {
    const { claimer, requests } = stage(async () => suspectsWait)
    claimer.pump()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(requests.filter(({ alone }) => alone)).toHaveLength(1)
    expect(requests.length).toBeLessThan(15)
  })

  it('fetches a suspect when it is empty, and nothing beside it', async () => {
    const suspect = claimed('default', true)
    let fetched = false
    const { claimer, requests, running, end } = stage(async ({ alone }) => {
      if (fetched) return nothing
      if (!alone) return suspectsWait
      fetched = true
      return { ...nothing, jobs: [suspect] }
    })
    claimer.pump()
    await vi.advanceTimersByTimeAsync(0)
    expect(running).toEqual([suspect])
    const before = requests.length
    claimer.wake()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(requests).toHaveLength(before)
    end(suspect)
    await vi.advanceTimersByTimeAsync(0)
    expect(requests.length).toBeGreaterThan(before)
  })

  it('goes on with ordinary work when it did not become empty in time for a suspect', async () => {
    let first = true
    const { claimer, requests } = stage(async ({ alone }) => {
      if (alone) throw new Error('it is not empty')
      if (!first) return suspectsWait
      first = false
      return { ...suspectsWait, jobs: [claimed()] }
    })
    claimer.pump()
    await vi.advanceTimersByTimeAsync(1_500)
    const before = requests.length
    await vi.advanceTimersByTimeAsync(20_000)
    expect(requests).toHaveLength(before)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(requests.length).toBeGreaterThan(before + 5)
  })

  it('fetches the suspect as soon as it has become empty for it', async () => {
    const job = claimed()
    let first = true
    const { claimer, requests, end } = stage(async () => {
      if (!first) return suspectsWait
      first = false
      return { ...suspectsWait, jobs: [job] }
    })
    claimer.pump()
    await vi.advanceTimersByTimeAsync(5_000)
    end(job)
    await vi.advanceTimersByTimeAsync(0)
    expect(requests.at(-1)?.alone || requests.at(-2)?.alone).toBe(true)
  })

  it('asks for a queue with a limit of its own although another keeps claims under way at all times', async () => {
    const answers: (() => void)[] = []
    const queues = new Map([
      ['default', null],
      ['media', 1],
    ])
    const { claimer, requests, running, end } = stage(
      (request) =>
        new Promise((resolve) => {
          answers.push(() => resolve({ ...nothing, jobs: Array.from({ length: request.limit }, () => claimed()) }))
        }),
      { queues },
    )
    claimer.pump()
    for (let round = 0; round < 20; round += 1) {
      answers.shift()?.()
      await vi.advanceTimersByTimeAsync(0)
      for (const job of [...running]) end(job)
      await vi.advanceTimersByTimeAsync(0)
    }
    const asked = requests.slice(1).filter((request) => request.queues.has('media'))
    expect(asked.length).toBeGreaterThan(5)
  })

  it('never asks for more than a queue may take, over all claims under way', async () => {
    const queues = new Map([['media', 3]])
    const { claimer, requests } = stage(() => new Promise(() => undefined), { queues, concurrency: 8 })
    claimer.pump()
    claimer.wake()
    claimer.pump()
    expect(requests.map((request) => [request.limit, request.queues.get('media')])).toEqual([[3, 3]])
  })
})
