/** How much a worker takes, in which order, and how soon. */
import { defineJob, type } from 'kerja/define'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { gate, openStage, turns } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<{ n?: number }>() })
const media = defineJob({ kind: 'test.media', payload: type<object>(), queue: 'media' })

/** Counts what runs at the same time. */
function gauge() {
  let now = 0
  let most = 0
  return {
    most: () => most,
    async during(work: () => Promise<void>) {
      now += 1
      most = Math.max(most, now)
      await work()
      now -= 1
    },
  }
}

describe.each(BACKENDS)('claiming on $name', ({ name, open }) => {
  afterEach(() => void vi.useRealTimers())

  it('never runs more than its concurrency, and uses all of it', async () => {
    const stage = openStage(open())
    const all = gauge()
    await stage.start({ concurrency: 7, handlers: [job.handle(() => all.during(() => turns(3)))] })
    const receipts = await stage.kerja.enqueueMany(Array.from({ length: 150 }, () => job.with({})))
    for (const { id } of receipts) await stage.ended(id)
    expect(all.most()).toBe(7)
    for (const { id } of receipts) expect(stage.seen('job.started', id)).toHaveLength(1)
  })

  it('never runs more of a queue than its own limit, and uses that fully beside other work', async () => {
    const stage = openStage(open())
    const all = gauge()
    const own = gauge()
    await stage.start({
      concurrency: 6,
      queues: { media: 2 } as never,
      handlers: [job.handle(() => all.during(() => turns(3))), media.handle(() => own.during(() => all.during(() => turns(3))))],
    })
    const requests = Array.from({ length: 150 }, (_, index) => (index % 3 === 0 ? job.with({}) : media.with({})))
    for (const { id } of await stage.kerja.enqueueMany(requests)) await stage.ended(id)
    expect([all.most(), own.most()]).toEqual([6, 2])
  })

  it('a queue at its limit does not hold up the others, and goes on as soon as it may', async () => {
    const stage = openStage(open())
    const gates = [gate(), gate(), gate()]
    let started = 0
    await stage.start({
      concurrency: 6,
      queues: { media: 2 } as never,
      handlers: [job.handle(() => undefined), media.handle(() => gates[started++]?.opened)],
    })
    const slow = await stage.kerja.enqueueMany([media.with({}), media.with({}), media.with({})])
    await stage.until('job.started', slow[1]?.id)
    for (let count = 0; count < 5; count += 1) expect((await stage.run(job)).state).toBe('completed')
    expect(started).toBe(2)
    gates[0]?.open()
    await stage.until('job.started', slow[2]?.id)
    for (const { open: release } of gates) release()
    for (const { id } of slow) await stage.ended(id)
  })

  it('starts the most urgent first, then the oldest', async () => {
    const stage = openStage(open())
    const order: (number | undefined)[] = []
    await stage.kerja.queues.pause('default')
    for (const [n, priority] of [
      [1, 'bulk'],
      [2, 'normal'],
      [3, 'critical'],
      [4, 'normal'],
      [5, 'high'],
    ] as const)
      await stage.kerja.enqueue(job, { n }, { priority })
    await stage.start({ concurrency: 1, handlers: [job.handle(({ n }) => void order.push(n))] })
    await stage.kerja.queues.resume('default')
    await stage.until('job.completed', undefined, 5)
    expect(order).toEqual([3, 5, 2, 4, 1])
  })

  it('an idle worker wakes when a job is enqueued, without its poll', async () => {
    const stage = openStage(open())
    // From here on no timer fires.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    await stage.work(job.handle(() => undefined))
    for (let count = 0; count < 3; count += 1) expect((await stage.run(job)).state).toBe('completed')
  })

  it('serves further queues when told to, and no others', async () => {
    const stage = openStage(open())
    await stage.start({ handlers: [job.handle(() => undefined)], alsoServe: ['urgent'] })
    const there = await stage.kerja.enqueue(job, {}, { queue: 'urgent' })
    const elsewhere = await stage.kerja.enqueue(job, {}, { queue: 'elsewhere' })
    await stage.ended(there.id)
    await stage.run(job)
    expect(await stage.kerja.jobs.get(elsewhere.id)).toMatchObject({ state: 'available', holdReason: 'no-worker' })
  })

  it('claims that fail are told, tried again with pauses, and lose nothing', async () => {
    let failing = true
    let calls = 0
    const backend = withQueue(open(), (queue) => ({
      claim: (request) => {
        calls += 1
        return failing ? Promise.reject(new Error('away')) : queue.claim(request)
      },
    }))
    const stage = openStage(backend)
    await stage.work(job.handle(() => undefined))
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('worker.trouble', undefined, 3)
    // A hot loop would have made thousands by now.
    expect(calls).toBeLessThan(8)
    failing = false
    expect((await stage.ended(id)).state).toBe('completed')
  })

  it.runIf(name === 'memory')('an idle worker makes about one claim per second', async () => {
    let calls = 0
    const backend = withQueue(open(), (queue) => ({
      claim: (request) => {
        calls += 1
        return queue.claim(request)
      },
    }))
    const stage = openStage(backend)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
    await stage.work(job.handle(() => undefined))
    await stage.kerja.enqueue(job, {}, { delay: '1h' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(calls).toBeGreaterThan(50)
    expect(calls).toBeLessThan(66)
  })
})
