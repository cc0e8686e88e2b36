// A message becomes a job of the state once, wherever the process dies.
import { describe, expect, it } from 'vitest'
import { createWorld, DAY_MS, idsOf, job, jobs, stateAway, workerOn } from './support.js'

describe('check-out', () => {
  it('acknowledges what the state has, and nothing before', async () => {
    const { backend, broker, faults, state } = createWorld()
    const pushed = jobs(3)
    await backend.queue.push(pushed)
    expect(await state.ledger.get(idsOf(pushed))).toEqual([null, null, null])
    const order: string[] = []
    faults.after = (method) => method === 'accept' && order.push('accept')
    broker.before = (call) => {
      if (call === 'acknowledge') order.push('acknowledge')
    }
    expect([...(await (await workerOn(backend)).take())].sort()).toEqual(idsOf(pushed).sort())
    expect(order).toEqual(['accept', 'acknowledge'])
    expect([broker.waiting('default'), broker.outstanding()]).toEqual([0, 0])
  })

  it('a death before the state has it loses nothing: the message comes again', async () => {
    const { backend, broker, connect, faults } = createWorld()
    const [pushed] = jobs(1)
    await backend.queue.push([pushed as never])
    const dying = connect()
    faults.before = (method) => {
      if (method === 'accept') throw stateAway()
    }
    await expect((await workerOn(dying)).take()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect(broker.outstanding()).toBe(1)
    faults.before = null
    await dying.close()
    expect(await (await workerOn(backend)).take()).toEqual([pushed?.id])
  })

  it('a death between accept and acknowledge is a message that comes again and merges', async () => {
    const { backend, broker, connect, state } = createWorld()
    const pushed = jobs(3)
    await backend.queue.push(pushed)
    broker.before = (call) => {
      if (call === 'acknowledge') throw stateAway()
    }
    const dying = connect()
    const claimed = await (await workerOn(dying)).claim({ limit: 2 })
    expect(claimed.jobs).toHaveLength(2)
    broker.before = null
    await dying.close()
    expect(broker.waiting('default')).toBe(3)
    const by = await workerOn(backend)
    // What runs already is not run again; the third, which only waited, is.
    expect(await by.take()).toHaveLength(1)
    expect(await by.take()).toEqual([])
    expect(broker.waiting('default') + broker.outstanding()).toBe(0)
    const records = await state.ledger.get(idsOf(pushed))
    expect(records.map((record) => record?.token)).toEqual([1, 1, 1])
  })

  it('a message that comes again after its job has ended merges', async () => {
    const { backend, broker, state } = createWorld()
    const [pushed] = jobs(1)
    await backend.queue.push([pushed as never])
    let body = ''
    broker.before = (call, messages) => {
      if (call === 'acknowledge') body = messages[0]?.body ?? ''
    }
    const by = await workerOn(backend)
    const { jobs: claimed } = await by.claim()
    const [lease] = claimed
    await backend.queue.settle([{ lease: lease as never, outcome: 'complete', result: null, retentionMs: DAY_MS, enqueue: [] }])
    broker.put('default', body)
    expect(await by.take()).toEqual([])
    expect((await state.ledger.get([pushed?.id as string]))[0]?.state).toBe('completed')
    expect(broker.waiting('default') + broker.outstanding()).toBe(0)
  })

  it('ended jobs are remembered for as long as a message may come again, also where they are told less', async () => {
    const { backend, broker, clock } = createWorld({ redeliveryMs: DAY_MS })
    const [ran, cancelled, expired] = [job(), job(), job({ startWithinMs: 1 })]
    const bodies: string[] = []
    broker.before = (call, messages) => {
      if (call === 'send') bodies.push(...messages.map(({ body }) => body))
    }
    await backend.queue.push([ran])
    const by = await workerOn(backend)
    const { jobs: claimed } = await by.claim()
    await backend.queue.settle([{ lease: claimed[0] as never, outcome: 'complete', result: null, retentionMs: 1_000, enqueue: [] }])
    await backend.queue.push([cancelled, expired])
    expect(await backend.ledger.cancel([cancelled.id], { reason: 'no', retentionMs: 1_000 })).toEqual(['changed'])
    clock.advance(2)
    expect(await by.take({ expiredRetentionMs: 1_000 })).toEqual([])
    clock.advance(DAY_MS - 10)
    expect(await backend.ledger.prune({ limit: 10 })).toBe(0)
    for (const body of bodies) broker.put('default', body)
    expect(await by.take()).toEqual([])
    clock.advance(20)
    expect(await backend.ledger.prune({ limit: 10 })).toBe(3)
  })

  it('the same job twice in one receipt is one job', async () => {
    const { backend, broker } = createWorld()
    const [pushed] = jobs(1)
    broker.before = (call, messages) => {
      if (call === 'send') for (const { body } of messages) broker.put('default', body)
    }
    await backend.queue.push([pushed as never])
    expect(broker.waiting('default')).toBe(2)
    expect(await (await workerOn(backend)).take()).toEqual([pushed?.id])
    expect(broker.waiting('default') + broker.outstanding()).toBe(0)
  })

  it('a job that the state refuses is set aside with the reason, and its neighbours run', async () => {
    const { backend, broker, faults, lines } = createWorld()
    const pushed = jobs(7)
    const bad = pushed[3]?.id
    await backend.queue.push(pushed)
    faults.before = (method, [given]) => {
      if (method === 'accept' && (given as { jobId: string }[]).some(({ jobId }) => jobId === bad)) throw new RangeError('too strange')
    }
    const taken = await (await workerOn(backend)).take()
    expect([...taken].sort()).toEqual(
      idsOf(pushed)
        .filter((id) => id !== bad)
        .sort(),
    )
    expect(broker.aside.map(({ reason }) => reason)).toEqual(['the state refuses it: too strange'])
    expect(lines.warnings).toHaveLength(1)
    expect(broker.waiting('default') + broker.outstanding()).toBe(0)
  })

  it('a job is due at once, whatever the clock of its producer says', async () => {
    const world = createWorld({ stateAheadMs: -10 * 60_000 })
    const [pushed] = jobs(1)
    await world.backend.queue.push([pushed as never])
    const { jobs: claimed, nextDueInMs } = await (await workerOn(world.backend)).claim()
    expect([claimed.length, nextDueInMs]).toEqual([1, null])
  })

  it('closing gives back what was received and could not be stored', async () => {
    const { backend, broker, connect, faults } = createWorld()
    await backend.queue.push(jobs(2))
    const other = connect()
    const by = await workerOn(other)
    faults.before = (method) => {
      if (method === 'accept') throw stateAway()
    }
    await expect(by.take()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await other.close()
    expect([broker.waiting('default'), broker.outstanding()]).toEqual([2, 0])
  })
})
