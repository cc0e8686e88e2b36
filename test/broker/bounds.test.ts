// How much goes from the broker into the state: what workers take, and not the whole backlog.
import type { Backend } from 'kerja/backend'
import { describe, expect, it } from 'vitest'
import { createWorld, idsOf, job, jobs, type TestWorker, workerOn } from './support.js'

const waitingIn = async (state: Backend): Promise<number> =>
  (await state.ledger.stats({ queues: null, countCap: 100_000, windowMs: 0 })).reduce((sum, { counts }) => sum + counts.available, 0)

async function complete(backend: Backend, claimed: Awaited<ReturnType<TestWorker['claim']>>['jobs']): Promise<void> {
  await backend.queue.settle(claimed.map((lease) => ({ lease, outcome: 'complete', result: null, retentionMs: 0, enqueue: [] })))
}

describe('bounds', () => {
  it('a claim checks out what it takes and one more, again and again', async () => {
    const { backend, broker, state } = createWorld()
    await backend.queue.push(jobs(500))
    const by = await workerOn(backend)
    for (let round = 1; round <= 20; round += 1) {
      const { jobs: claimed, nextDueInMs } = await by.claim()
      expect([claimed.length, nextDueInMs]).toEqual([10, 0])
      expect(await waitingIn(state)).toBe(1)
      expect(broker.waiting('default')).toBe(500 - 10 * round - 1)
    }
  })

  it('of several queues it takes no more than each may bring, and works off what that leaves before it takes more', async () => {
    const { backend, broker, state } = createWorld()
    for (const queue of ['a', 'b', 'c']) await backend.queue.push(jobs(200, { queue }))
    const by = await workerOn(backend, ['a', 'b', 'c'])
    const queues = new Map([
      ['a', 2],
      ['b', 10],
      ['c', 10],
    ])
    let most = 0
    for (let round = 0; round < 20; round += 1) {
      const { jobs: claimed } = await by.claim({ queues })
      expect(claimed).toHaveLength(10)
      expect(claimed.filter(({ queue }) => queue === 'a').length).toBeLessThanOrEqual(2)
      most = Math.max(most, await waitingIn(state))
    }
    expect(most).toBeLessThanOrEqual(25)
    expect(broker.waiting('a') + broker.waiting('b') + broker.waiting('c')).toBeGreaterThanOrEqual(600 - 200 - 25)
  })

  it('while the state has plenty that is due, its jobs go first and those of the broker have a share', async () => {
    const { backend, broker, clock, state } = createWorld()
    await backend.queue.push(jobs(300, { delayMs: 1_000 }))
    clock.advance(2_000)
    await backend.queue.push(jobs(300))
    const by = await workerOn(backend)
    let before = 300
    const fromBroker: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const waiting = broker.waiting('default')
      const { jobs: claimed } = await by.claim()
      await complete(backend, claimed)
      fromBroker.push(waiting - broker.waiting('default'))
      const now = await waitingIn(state)
      if (round > 0) expect(now).toBeLessThan(before)
      before = now
    }
    expect(Math.min(...fromBroker)).toBeGreaterThan(0)
    expect(Math.max(...fromBroker.slice(1))).toBeLessThanOrEqual(3)
  })

  it('a paused queue is left alone, whoever paused it', async () => {
    const { backend, broker, connect } = createWorld()
    await backend.queue.push(jobs(100))
    await backend.queue.push(jobs(20, { queue: 'open' }))
    const by = await workerOn(backend, ['default', 'open'])
    await backend.coordination.pauseQueue('default')
    expect(await by.take()).toHaveLength(10)
    expect(broker.waiting('default')).toBe(100)
    await backend.coordination.resumeQueue('default')
    const other = connect()
    expect(await by.take()).toHaveLength(10)
    await other.coordination.pauseQueue('default')
    for (let count = 0; count < 10; count += 1) expect((await by.take()).length).toBeLessThanOrEqual(10)
    // What was under way when it was paused, and no more.
    expect(broker.waiting('default')).toBeGreaterThanOrEqual(60)
    const left = broker.waiting('default')
    for (let count = 0; count < 5; count += 1) await by.take()
    expect(broker.waiting('default')).toBe(left)
  })

  it('jobs that nobody runs fill the state up to its bound, with one warning, and go on once they are gone', async () => {
    const { backend, broker, lines, state } = createWorld({ heldMax: 1_000 })
    await backend.queue.push(jobs(1_900, { kind: 'nobody.knows' }))
    const by = await workerOn(backend)
    for (let count = 0; count < 10; count += 1) expect(await by.take()).toEqual([])
    const held = await waitingIn(state)
    expect(held).toBeGreaterThanOrEqual(1_000)
    expect(held).toBeLessThanOrEqual(1_200)
    expect(lines.warnings.filter(({ facts }) => facts?.queue === 'default')).toHaveLength(1)
    const [good] = jobs(1)
    await backend.queue.push([good as never])
    while ((await waitingIn(state)) > 0) {
      const { jobs: found } = await state.ledger.list({ states: ['available'], limit: 200 })
      await state.ledger.cancel(idsOf(found), { reason: 'no', retentionMs: 0 })
    }
    let taken: readonly string[] = []
    for (let count = 0; taken.length === 0 && count < 10; count += 1) taken = await by.take()
    expect([taken, broker.waiting('default')]).toEqual([[good?.id], 0])
  })

  it('a worker of one kind finds its jobs among those of another, whose worker finds what it left', async () => {
    const { backend, broker, state } = createWorld()
    const mixed = Array.from({ length: 400 }, (_, index) => job({ kind: index % 2 === 0 ? 'test.kind' : 'other.kind' }))
    await backend.queue.push(mixed)
    const by = await workerOn(backend)
    const taken: string[] = []
    for (let count = 0; count < 10; count += 1) {
      taken.push(...(await by.take()))
      taken.push(...(await by.take({ kinds: [{ kind: 'other.kind', version: 1, leaseMs: null }] })))
    }
    expect(taken).toHaveLength(200)
    expect(await waitingIn(state)).toBeLessThanOrEqual(30)
    expect(broker.waiting('default')).toBeGreaterThanOrEqual(400 - 200 - 30)
  })

  it('a claim for a suspect, of nothing, or of no queue receives nothing', async () => {
    const { backend, broker } = createWorld()
    await backend.queue.push(jobs(5))
    const by = await workerOn(backend)
    await by.claim({ alone: true, limit: 1 })
    await by.claim({ limit: 0 })
    await by.claim({ queues: new Map([['default', 0]]) })
    expect(broker.counts.receive).toBe(0)
  })

  it('a large backlog stays in the broker when somebody looks, and is counted', async () => {
    const { backend, broker } = createWorld()
    const pushed = jobs(1_500)
    await backend.queue.push(pushed)
    const [stats] = await backend.ledger.stats({ queues: null, countCap: 10_000, windowMs: 0 })
    expect([stats?.queue, stats?.counts.available]).toEqual(['default', 1_500])
    const [capped] = await backend.ledger.stats({ queues: ['default'], countCap: 100, windowMs: 0 })
    expect(capped?.counts.available).toBe(100)
    expect((await backend.ledger.get([pushed[0]?.id as string]))[0]).toBeNull()
    expect(broker.waiting('default')).toBe(1_500)
  })
})
