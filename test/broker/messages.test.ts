// What is in a queue and is no job is set aside, and stands in nobody's way.
import { describe, expect, it } from 'vitest'
import { createWorld, idsOf, job, jobs, workerOn } from './support.js'

const envelope = (overrides: object = {}): string => JSON.stringify({ kerja: 1, at: Date.UTC(2026, 0, 1), job: job(), ...overrides })

describe('messages', () => {
  it.each([
    ['no JSON', 'hello', 'it is no JSON'],
    ['JSON of somebody else', '{"task":"celery"}', 'it is no envelope of Kerja'],
    ['null', 'null', 'it is no envelope of Kerja'],
    ['a text', '"kerja"', 'it is no envelope of Kerja'],
    ['a newer envelope', envelope({ kerja: 2 }), 'its envelope has version 2, and this Kerja reads 1'],
    ['a job without an id', envelope({ job: { ...job(), id: 'x' } }), 'its envelope is damaged'],
    ['no job', envelope({ job: null }), 'its envelope is damaged'],
    ['no time', envelope({ at: null }), 'its envelope is damaged'],
  ])('%s is set aside', async (_name, body, reason) => {
    const { backend, broker, lines } = createWorld()
    const pushed = jobs(2)
    broker.put('default', body)
    await backend.queue.push(pushed)
    const by = await workerOn(backend)
    expect((await by.take()).length).toBe(2)
    expect(broker.aside).toEqual([{ queue: 'default', body, reason }])
    expect(lines.warnings.map(({ facts }) => facts)).toEqual([{ broker: 'in-process:', queue: 'default', reason }])
    expect(broker.waiting('default') + broker.outstanding()).toBe(0)
    expect(idsOf(pushed)).toHaveLength(2)
  })

  it('thousands of them hide no job', async () => {
    const { backend, broker } = createWorld()
    for (let count = 0; count < 2_500; count += 1) broker.put('default', 'spam')
    const pushed = jobs(1)
    await backend.queue.push(pushed)
    const by = await workerOn(backend)
    const first = await by.claim({ limit: 1 })
    // Bounded: it says that there may be more, and is asked again at once.
    expect([first.jobs.length, first.nextDueInMs]).toEqual([0, 0])
    const taken: string[] = []
    for (let count = 0; count < 3; count += 1) taken.push(...(await by.take({ limit: 1 })))
    expect(taken).toEqual(idsOf(pushed))
    expect(broker.aside).toHaveLength(2_500)
  })

  it('a message that another program left in the queue of other jobs becomes a job of its own queue', async () => {
    const { backend, broker } = createWorld()
    const moved = job({ queue: 'mail' })
    broker.put('default', envelope({ job: moved }))
    await (await workerOn(backend)).take()
    expect(await (await workerOn(backend, ['mail'])).take()).toEqual([moved.id])
  })

  it('a payload that is too large for the broker goes by way of the state', async () => {
    const { connect, broker } = createWorld()
    const backend = connect({ transport: broker.connect({ bodyBytesMax: 1_000 }) })
    const large = job({ payload: JSON.stringify('x'.repeat(1_000)) })
    expect(await backend.queue.push([large])).toEqual([{ status: 'created', id: large.id }])
    expect(broker.waiting('default')).toBe(0)
    expect(await (await workerOn(backend)).take()).toEqual([large.id])
  })
})
