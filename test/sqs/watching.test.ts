// Arrivals by long polls, and what they cost while nothing arrives.
import { describe, expect, it } from 'vitest'
import { createWaiting } from '../support/waiting.js'
import { bodiesOf, hostile, message, messages, transportOf } from './support.js'

const isPoll = ({ action, input }: { action: string; input: { WaitTimeSeconds?: number } }): boolean =>
  action === 'ReceiveMessage' && input.WaitTimeSeconds === 20

/** Counts arrivals, and lets a test wait for the next. */
function arrivals() {
  const waiting = createWaiting()
  let count = 0
  return {
    onArrival: () => {
      count++
      waiting.check()
    },
    count: () => count,
    atLeast: (wanted: number) => waiting.when(() => count >= wanted || undefined),
  }
}

describe('watch', () => {
  it('hears of a message of another process, which is then there without another request', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    await producer.send([message()])
    await worker.acknowledge(await worker.receive('mail', 1))
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await server.when(() => server.requests.find(isPoll))
    const sent = message()
    await producer.send([sent])
    await heard.atLeast(1)
    const before = server.requests.length
    expect(bodiesOf(await worker.receive('mail', 1))).toEqual([sent.body])
    expect(server.requests.length).toBe(before)
  })

  it('asks nothing while a long poll waits', async () => {
    const server = await hostile()
    const worker = transportOf(server)
    await worker.send([message(), message({ priority: 0 })])
    await worker.acknowledge(await worker.receive('mail', 2))
    worker.watch(['mail'], () => undefined)
    await server.when(() => server.requests.filter(isPoll).length === 2 || undefined)
    await server.when(() => server.requests.filter(({ action }) => action === 'ListQueues').length >= 2 || undefined)
    // The first look of the watch is answered before its queues count as covered.
    await worker.receive('mail', 5)
    const before = server.requests.length
    for (let round = 0; round < 50; round++) expect(await worker.receive('mail', 5)).toEqual([])
    expect(server.requests.length).toBe(before)
  })

  it('polls only what is in use, and hears of a priority that is used for the first time', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    await producer.send([message()])
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await heard.atLeast(1)
    expect(await worker.receive('mail', 5)).toHaveLength(1)
    expect(new Set(server.requests.filter(isPoll).map(({ queue }) => queue))).toEqual(new Set(['test-mail-normal']))
    // Here by its own send; a process that sends nothing looks every 20 seconds.
    await worker.send([message({ priority: 0 })])
    await heard.atLeast(2)
    expect(await worker.receive('mail', 5)).toHaveLength(1)
  })

  it('makes the queue that it watches, so that its first job is heard of at once', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await server.when(() => server.requests.find(isPoll))
    await producer.send([message()])
    await heard.atLeast(1)
  })

  it('does not hide from a receive what this process has just sent', async () => {
    const server = await hostile()
    const worker = transportOf(server)
    worker.watch(['mail'], () => undefined)
    await server.when(() => server.requests.find(isPoll))
    for (let round = 0; round < 20; round++) {
      const sent = message()
      await worker.send([sent])
      const received = await worker.receive('mail', 1)
      expect(bodiesOf(received)).toEqual([sent.body])
      await worker.acknowledge(received)
      expect(await worker.receive('mail', 1)).toEqual([])
    }
  })

  it('hears of a queue that is used for the first time, when it begins to watch it', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await server.when(() => server.requests.find(({ action }) => action === 'ListQueues'))
    await producer.send(messages(3, { queue: 'other' }))
    worker.watch(['other'], heard.onArrival)
    await heard.atLeast(1)
    expect(await worker.receive('other', 5)).toHaveLength(3)
  })

  it('polls again when a receive has found nothing more', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    const heard = arrivals()
    await producer.send(messages(12))
    worker.watch(['mail'], heard.onArrival)
    await heard.atLeast(1)
    await worker.acknowledge(await worker.receive('mail', 12))
    expect(await worker.receive('mail', 12)).toEqual([])
    await producer.send([message()])
    await heard.atLeast(2)
    expect(await worker.receive('mail', 12)).toHaveLength(1)
  })

  it('does not poll while workers are full: what they do not take is for others', async () => {
    const server = await hostile()
    const [worker, other] = [transportOf(server), transportOf(server)]
    await worker.send(messages(5))
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await heard.atLeast(1)
    // Nobody receives here.
    await server.when(() => server.requests.find(({ action }) => action === 'ChangeMessageVisibilityBatch'))
    await server.when(() => server.queues.get('test-mail-normal')?.visibleCount() === 5 || undefined)
    expect(await other.receive('mail', 5)).toHaveLength(5)
    expect(server.requests.filter(isPoll)).toHaveLength(1)
  })

  it('goes on after failures of its polls', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    await producer.send([message()])
    await producer.acknowledge(await producer.receive('mail', 1))
    for (const code of ['ThrottlingException', 'AccessDenied'])
      server.script('ReceiveMessage', { code, status: 400 }, ({ WaitTimeSeconds }) => WaitTimeSeconds === 20)
    const heard = arrivals()
    worker.watch(['mail'], heard.onArrival)
    await server.when(() => server.requests.filter(isPoll).length >= 3 || undefined)
    await producer.send([message()])
    await heard.atLeast(1)
  })

  it('ends when it is stopped; what its last poll brings is given back', async () => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    await producer.send([message()])
    await producer.acknowledge(await producer.receive('mail', 1))
    const heard = arrivals()
    const stop = worker.watch(['mail'], heard.onArrival)
    await server.when(() => server.requests.find(isPoll))
    stop()
    await producer.send([message()])
    await server.when(() => server.requests.find(({ action }) => action === 'ChangeMessageVisibilityBatch'))
    await server.when(() => server.queues.get('test-mail-normal')?.visibleCount() === 1 || undefined)
    expect(server.requests.filter(isPoll)).toHaveLength(1)
  })

  it('ends at close without waiting for its long polls', async () => {
    const server = await hostile()
    const worker = transportOf(server)
    await worker.send(messages(1))
    worker.watch(['mail', 'other'], () => undefined)
    await worker.acknowledge(await worker.receive('mail', 1))
    await server.when(() => server.requests.find(isPoll))
    const began = performance.now()
    await worker.close()
    expect(performance.now() - began).toBeLessThan(2_500)
    await worker.close()
    await expect(worker.receive('mail', 1)).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
    expect((await worker.send([message()]))[0]).toMatchObject({ code: 'BACKEND_CLOSED' })
  })
})
