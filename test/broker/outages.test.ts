// Either of the two may be away: the other goes on, and nothing is lost.
import { describe, expect, it } from 'vitest'
import { createWaiting } from '../support/waiting.js'
import { createWorld, idsOf, job, jobs, stateAway, workerOn } from './support.js'

const created = (some: readonly { readonly id: string }[]) => some.map(({ id }) => ({ status: 'created', id }))

describe('the state is away', () => {
  it('opening and enqueueing plain jobs go on, and ask nothing of it', async () => {
    const { backend, faults } = createWorld()
    faults.away = true
    await backend.open()
    const pushed = jobs(5)
    expect(await backend.queue.push(pushed)).toEqual(created(pushed))
    expect([...faults.counts]).toEqual([])
  })

  it('a repeated push is a duplicate all the same', async () => {
    const { backend, faults } = createWorld()
    const [pushed] = jobs(1)
    await backend.queue.push([pushed as never])
    await (await workerOn(backend)).take()
    faults.away = true
    expect(await backend.queue.push([pushed as never])).toEqual([{ status: 'duplicate', id: pushed?.id }])
  })

  it('jobs that need it fail alone, and fail the call when there are no others', async () => {
    const { backend, broker, faults } = createWorld()
    faults.away = true
    const [plain, later] = [job(), job({ delayMs: 1_000 })]
    const [first, second] = await backend.queue.push([plain, later])
    expect(first).toEqual({ status: 'created', id: plain.id })
    expect(second).toMatchObject({ status: 'error', error: { code: 'BACKEND_UNAVAILABLE' } })
    expect(broker.waiting('default')).toBe(1)
    await expect(backend.queue.push([later])).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  it('claims say so, receive nothing, and go on when it is back', async () => {
    const { backend, broker, faults } = createWorld()
    const by = await workerOn(backend)
    const pushed = jobs(3)
    await backend.queue.push(pushed)
    faults.away = true
    await expect(by.take()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect(broker.counts.receive).toBe(0)
    faults.away = false
    expect([...(await by.take())].sort()).toEqual(idsOf(pushed).sort())
  })

  it('what was received when it went away is kept, once, and acknowledged when it is back', async () => {
    const { backend, broker, faults } = createWorld()
    const by = await workerOn(backend)
    // What is known of pauses is fresh, so that the claim comes as far as the broker.
    await by.take()
    const pushed = jobs(30)
    await backend.queue.push(pushed)
    faults.before = (method) => {
      if (method === 'accept') throw stateAway()
    }
    for (let count = 0; count < 5; count += 1) await expect(by.take()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect([broker.outstanding(), broker.counts.acknowledge]).toEqual([11, 0])
    faults.before = null
    const taken = [...(await by.take()), ...(await by.take()), ...(await by.take())]
    expect([...taken].sort()).toEqual(idsOf(pushed).sort())
    expect(broker.outstanding()).toBe(0)
  })

  it('what was kept is stored when it is back, also when nobody claims any more', async () => {
    const { backend, broker, faults } = createWorld()
    const by = await workerOn(backend)
    await by.take()
    await backend.queue.push(jobs(2))
    const acknowledged = createWaiting()
    broker.before = () => acknowledged.check()
    faults.before = (method) => {
      if (method === 'accept') throw stateAway()
    }
    await expect(by.take()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    faults.before = null
    await acknowledged.when(() => (broker.counts.acknowledge > 0 ? true : undefined))
  })

  it('a store that is full keeps the messages too', async () => {
    const { KerjaError } = await import('../../dist/errors.js')
    const { backend, broker, faults } = createWorld()
    const by = await workerOn(backend)
    await backend.queue.push(jobs(2))
    faults.before = (method) => {
      if (method === 'accept') throw new KerjaError('STORE_FULL', 'The disk of this test is full.')
    }
    await expect(by.take()).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect([broker.aside.length, broker.outstanding()]).toEqual([0, 2])
    faults.before = null
    expect(await by.take()).toHaveLength(2)
  })
})

describe('the broker is away', () => {
  it('claims go on with what the state has due', async () => {
    const { backend, broker, clock, lines } = createWorld()
    const later = job({ delayMs: 1_000 })
    await backend.queue.push([later])
    const by = await workerOn(backend)
    broker.away = true
    expect((await by.claim()).nextDueInMs).toBe(1_000)
    clock.advance(1_000)
    expect(await by.take()).toEqual([later.id])
    expect(lines.warnings.map(({ message }) => message)).toEqual(['the broker is away; what the state holds is run meanwhile'])
  })

  it('plain jobs are refused, others are stored', async () => {
    const { backend, broker } = createWorld()
    broker.away = true
    await expect(backend.queue.push(jobs(3))).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    const later = job({ delayMs: 1_000 })
    expect(await backend.queue.push([later])).toEqual(created([later]))
  })

  it('a plain job that was refused is no duplicate when it is pushed again', async () => {
    const { backend, broker } = createWorld()
    const [pushed] = jobs(1)
    broker.away = true
    await expect(backend.queue.push([pushed as never])).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    broker.away = false
    expect(await backend.queue.push([pushed as never])).toEqual(created([pushed as never]))
  })

  it('of two pushes of one id at once both fail', async () => {
    const { backend, broker } = createWorld()
    const [pushed] = jobs(1)
    broker.away = true
    const answers = await Promise.allSettled([backend.queue.push([pushed as never]), backend.queue.push([pushed as never])])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  it('the ledger answers from the state', async () => {
    const { backend, broker } = createWorld()
    const [pushed] = jobs(1)
    await backend.queue.push([pushed as never])
    await (await workerOn(backend)).take()
    broker.away = true
    expect((await backend.ledger.list({ limit: 10 })).jobs.map(({ id }) => id)).toEqual([pushed?.id])
    expect((await backend.ledger.stats({ queues: null, countCap: 10, windowMs: 1_000 }))[0]?.counts.running).toBe(1)
  })

  it('opening succeeds, since the state is there', async () => {
    const { backend, broker } = createWorld()
    broker.away = true
    await backend.open()
  })

  it('a broker that does not answer holds no claim for long', async () => {
    const { backend, broker, clock } = createWorld()
    const later = job({ delayMs: 1_000 })
    await backend.queue.push([later])
    await backend.queue.push(jobs(1))
    clock.advance(1_000)
    const by = await workerOn(backend)
    let answer: () => void = () => undefined
    broker.before = (call) => (call === 'receive' ? new Promise<void>((resolve) => (answer = resolve)) : undefined)
    expect(await by.take()).toEqual([later.id])
    const calls = broker.counts.receive
    const next = by.take()
    broker.before = null
    answer()
    // The next claim waits for the same answer, and has what came of it.
    expect(await next).toHaveLength(1)
    expect(broker.counts.receive).toBe(calls)
  })
})

describe('both are away', () => {
  it('opening, pushes and claims say so, and all go on when they are back', async () => {
    const { broker, connect, faults } = createWorld()
    const backend = connect()
    broker.away = true
    faults.away = true
    await expect(backend.open()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    const mixed = [job(), job({ delayMs: 1 })]
    await expect(backend.queue.push(mixed)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    broker.away = false
    faults.away = false
    await backend.open()
    expect(await backend.queue.push(mixed)).toEqual(created(mixed))
    expect(await (await workerOn(backend)).take()).toEqual([mixed[0]?.id])
  })
})
