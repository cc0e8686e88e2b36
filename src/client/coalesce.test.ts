// How concurrent pushes become few writes, and how one bad job or a dead backend is contained.
import { describe, expect, it, vi } from 'vitest'
import type { NewJob, PushResult } from '../contract/job.js'
import { KerjaError } from '../errors.js'
import { type CoalesceOptions, createCoalescer } from './coalesce.js'

const job = (id: string, payload = '1') => ({ id, payload }) as NewJob
const created = (jobs: readonly NewJob[]): PushResult[] => jobs.map(({ id }) => ({ status: 'created', id }))
const ids = (jobs: readonly NewJob[]) => jobs.map(({ id }) => id).join('')

/** A coalescer over a write whose answers the test gives. */
function harness(options: Partial<CoalesceOptions> = {}) {
  const writes: { readonly jobs: readonly NewJob[]; readonly answer: () => void; readonly fail: (error: Error) => void }[] = []
  const write = (jobs: readonly NewJob[]) =>
    new Promise<readonly PushResult[]>((resolve, reject) => {
      writes.push({ jobs, answer: () => resolve(created(jobs)), fail: reject })
    })
  const coalescer = createCoalescer({
    write,
    pendingJobsMax: 1_000,
    jobsMax: 1_000,
    charactersMax: 1_000,
    batchesInFlightMax: 1,
    timeoutMs: 60_000,
    ...options,
  })
  return { coalescer, writes, sent: () => writes.map(({ jobs }) => ids(jobs)) }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('coalescing', () => {
  it('makes one write of what arrives in one turn, and the next of what arrives while it is out', async () => {
    const { coalescer, writes, sent } = harness()
    const first = [coalescer.push(job('a')), coalescer.push(job('b'))]
    await turn()
    const second = [coalescer.push(job('c')), coalescer.push(job('d')), coalescer.push(job('e'))]
    await turn()
    expect(sent()).toEqual(['ab'])
    writes[0]?.answer()
    expect(await Promise.all(first)).toEqual(created([job('a'), job('b')]))
    expect(sent()).toEqual(['ab', 'cde'])
    writes[1]?.answer()
    await Promise.all(second)
    await coalescer.idle()
  })

  it('sends a part of a turn at once where the store joins them, and keeps the last place for the rest', async () => {
    const { coalescer, writes, sent } = harness({ partJobs: () => 2, batchesInFlightMax: 3 })
    const pushes = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => coalescer.push(job(id)))
    expect(sent()).toEqual(['ab', 'cd'])
    await turn()
    expect(sent()).toEqual(['ab', 'cd', 'efg'])
    for (const { answer } of writes) answer()
    await Promise.all(pushes)
    await coalescer.idle()
  })

  it('cuts writes by jobs and by size, and lets a large job go alone', async () => {
    const { coalescer, writes, sent } = harness({ jobsMax: 2, charactersMax: 10, batchesInFlightMax: 9 })
    const pushes = [job('a'), job('b'), job('c'), job('D', 'x'.repeat(50)), job('e', 'x'.repeat(9)), job('f', 'xx')].map((each) =>
      coalescer.push(each),
    )
    await turn()
    expect(sent()).toEqual(['ab', 'c', 'D', 'e', 'f'])
    for (const { answer } of writes) answer()
    await Promise.all(pushes)
  })

  it('refuses what is over the limit of pending jobs, and takes jobs again when a write makes room', async () => {
    const { coalescer, writes, sent } = harness({ pendingJobsMax: 2 })
    const first = coalescer.push(job('a'))
    await turn()
    const waiting = [coalescer.push(job('b')), coalescer.push(job('c'))]
    await expect(coalescer.push(job('d'))).rejects.toMatchObject({ code: 'ENQUEUE_OVERLOAD', details: { pendingJobsMax: 2 } })
    writes[0]?.answer()
    await first
    const next = coalescer.push(job('d'))
    writes[1]?.answer()
    await Promise.all(waiting)
    writes[2]?.answer()
    await next
    expect(sent()).toEqual(['a', 'bc', 'd'])
  })

  it('keeps at most so many writes out', async () => {
    const { coalescer, writes, sent } = harness({ batchesInFlightMax: 2 })
    const pushes: Promise<unknown>[] = []
    for (const id of ['a', 'b', 'c', 'd']) {
      pushes.push(coalescer.push(job(id)))
      await turn()
    }
    expect(sent()).toEqual(['a', 'b'])
    writes[1]?.answer()
    await turn()
    expect(sent()).toEqual(['a', 'b', 'cd'])
    writes[0]?.answer()
    writes[2]?.answer()
    await Promise.all(pushes)
  })
})

describe('failures', () => {
  it('isolate a poisonous job from its neighbours', async () => {
    const writes: string[] = []
    const write = async (jobs: readonly NewJob[]) => {
      writes.push(ids(jobs))
      if (jobs.some(({ id }) => id === 'x')) throw new Error('poison')
      return created(jobs)
    }
    const { coalescer } = harness({ write })
    const settled = await Promise.allSettled(['a', 'b', 'x', 'c', 'd'].map((id) => coalescer.push(job(id))))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(writes).toEqual(['abxcd', 'ab', 'xcd', 'x', 'cd'])
  })

  it.each(['BACKEND_UNAVAILABLE', 'STORE_FULL', 'STORE_LOCKED'] as const)('are not halved when %s says that nothing can be written', async (code) => {
    const write = vi.fn(async () => Promise.reject(new KerjaError(code, 'away')))
    const { coalescer } = harness({ write })
    const settled = await Promise.allSettled(['a', 'b'].map((id) => coalescer.push(job(id))))
    expect(settled).toMatchObject([{ reason: { code } }, { reason: { code } }])
    expect(write).toHaveBeenCalledTimes(1)
  })

  it('include an answer that is too short', async () => {
    const { coalescer } = harness({ write: async (jobs) => created(jobs.slice(1)) })
    const settled = await Promise.allSettled(['a', 'b'].map((id) => coalescer.push(job(id))))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })
})

describe('a backend that does not answer', () => {
  it('times out each job, drops those not sent, and does not stop the line for ever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
    try {
      const { coalescer, writes, sent } = harness({ timeoutMs: 20 })
      const first = expect(coalescer.push(job('a'))).rejects.toMatchObject({ code: 'ENQUEUE_TIMEOUT', jobId: 'a' })
      await Promise.resolve()
      const second = expect(coalescer.push(job('b'))).rejects.toMatchObject({ code: 'ENQUEUE_TIMEOUT', jobId: 'b' })
      await vi.advanceTimersByTimeAsync(30)
      await Promise.all([first, second])
      const third = coalescer.push(job('c'))
      await Promise.resolve()
      expect(sent()).toEqual(['a', 'c'])
      // A late answer to the first write changes nothing.
      writes[0]?.answer()
      writes[1]?.answer()
      await expect(third).resolves.toEqual({ status: 'created', id: 'c' })
      await coalescer.idle()
    } finally {
      vi.useRealTimers()
    }
  })

  it('gives an answer that arrived during a blocked event loop before the timeout', async () => {
    const { coalescer } = harness({ timeoutMs: 5, write: (jobs) => turn().then(() => created(jobs)) })
    const push = coalescer.push(job('a'))
    await Promise.resolve()
    const until = performance.now() + 20
    while (performance.now() < until);
    await expect(push).resolves.toEqual({ status: 'created', id: 'a' })
  })
})
