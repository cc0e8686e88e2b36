// What was stored is received: at once, in order, the most urgent first, and again when it was not acknowledged.
import { describe, expect, it, vi } from 'vitest'
import { bodies, drain, type IncomingMessage, message, messages, newPlace, rabbitmqTransport } from '../support/rabbitmq.js'

describe('receiving from RabbitMQ', () => {
  it('has at once what was stored before the call, always', async () => {
    const place = newPlace()
    const [producer, receiver] = [place.transport(), place.transport()]
    for (let round = 0; round < 1_000; round++) {
      const sent = messages(1 + (round % 3))
      expect(await producer.send(sent)).toEqual(sent.map(() => null))
      const received = await receiver.receive('default', 10)
      expect(bodies(received)).toEqual(bodies(sent))
      await receiver.acknowledge(received)
    }
  })

  it('has the most urgent first, also before what it holds already', async () => {
    const place = newPlace()
    const [producer, receiver] = [place.transport(), place.transport()]
    for (let round = 0; round < 200; round++) {
      const [low, bulk, urgent] = [message({ priority: 3 }), message({ priority: 4 }), message({ priority: 0 })]
      await producer.send([bulk, low])
      const first = await receiver.receive('default', 1)
      await producer.send([urgent])
      const rest = [await receiver.receive('default', 1), await receiver.receive('default', 1), await receiver.receive('default', 1)]
      expect([bodies(first), ...rest.map(bodies)]).toEqual([[low.body], [urgent.body], [bulk.body], []])
      await receiver.acknowledge([...first, ...rest.flat()])
    }
  })

  it('gives an empty answer when there is nothing, and to a queue that nobody has used', async () => {
    const place = newPlace({ queues: ['default', 'never'] })
    const transport = place.transport()
    expect(await transport.depth('never')).toBe(0)
    expect(await transport.receive('never', 10)).toEqual([])
  })

  it('gives again what was not acknowledged when the receiver has closed, and nothing of the rest', async () => {
    const place = newPlace()
    const sent = messages(10)
    await place.transport().send(sent)
    const first = place.transport()
    const received = await first.receive('default', 8)
    await first.acknowledge([received[0], received[1], received[4], received[6]] as IncomingMessage[])
    await first.close()
    const left = [2, 3, 5, 7, 8, 9].map((index) => sent[index]?.body)
    expect(bodies(await drain(place.transport())).sort()).toEqual(left.sort())
  })

  it('shares a queue between receivers: each message goes to one of them', async () => {
    const place = newPlace()
    const sent = messages(400)
    const [one, other] = [place.transport({ prefetch: 10 }), place.transport({ prefetch: 10 })]
    await Promise.all([one.receive('default', 1), other.receive('default', 1)])
    await place.transport().send(sent)
    const all = await Promise.all([drain(one), drain(other)])
    all.push(await drain(one))
    expect(bodies(all.flat()).sort()).toEqual(bodies(sent).sort())
  })

  it('lets many begin at once on a queue that nobody has made yet', async () => {
    const place = newPlace()
    const transports = Array.from({ length: 6 }, () => place.transport())
    await Promise.all(transports.map((transport) => Promise.all([transport.open(), transport.depth('default')])))
    const [one, other, ...receivers] = transports
    const sent = [message(), message()]
    const [first, second] = await Promise.all([
      one!.send([sent[0]!]),
      other!.send([sent[1]!]),
      ...receivers.map((each) => each.receive('default', 1)),
    ])
    expect([first, second]).toEqual([[null], [null]])
  })

  it('takes no more than it may hold, until some are acknowledged', async () => {
    const place = newPlace()
    const transport = place.transport({ prefetch: 5 })
    await transport.send(messages(12))
    const first = await transport.receive('default', 100)
    expect(first).toHaveLength(5)
    expect(await transport.receive('default', 100)).toHaveLength(0)
    expect(await transport.depth('default')).toBe(7)
    await transport.acknowledge(first)
    expect(await transport.receive('default', 3)).toHaveLength(3)
  })

  it('gives back what it holds and nobody takes, but not what was taken', async () => {
    const place = newPlace()
    const [busy, idle] = [place.transport(), place.transport()]
    const sent = messages(5)
    await busy.send(sent)
    const taken = await busy.receive('default', 2)
    await busy.acknowledge(taken.slice(0, 1))
    // While one is taken, its acknowledgement is awaited.
    expect(await idle.receive('default', 10)).toEqual([])
    await busy.acknowledge(taken.slice(1))
    const others = await vi.waitUntil(async () => {
      const received = await idle.receive('default', 10)
      return received.length > 0 && received
    })
    expect(bodies(others)).toEqual(bodies(sent.slice(2)))
  })

  it('calls back when something arrives, until it is told to stop', async () => {
    const place = newPlace()
    const [producer, receiver] = [place.transport(), place.transport()]
    await receiver.receive('default', 1)
    let callCount = 0
    const arrived = new Promise<void>((resolve) => {
      const stop = receiver.watch(['default'], () => {
        callCount += 1
        stop()
        resolve()
      })
    })
    await producer.send([message()])
    await arrived
    await producer.send([message()])
    expect(await receiver.receive('default', 10)).toHaveLength(2)
    expect(callCount).toBe(1)
  })

  it('counts what waits, also what it holds and nobody has taken', async () => {
    const place = newPlace()
    const transport = place.transport()
    await transport.send([...messages(5), message({ priority: 0 }), message({ priority: 4 })])
    expect(await transport.depth('default')).toBe(7)
    const taken = await transport.receive('default', 2)
    expect(taken).toHaveLength(2)
    expect(await transport.depth('default')).toBe(5)
  })

  it('acknowledges twice, and what another has, without harm', async () => {
    const place = newPlace()
    const [one, other] = [place.transport(), place.transport()]
    await one.send(messages(3))
    const received = await one.receive('default', 3)
    await one.acknowledge(received)
    await other.acknowledge(received)
    await one.acknowledge(received)
    const sent = message()
    await one.send([sent])
    expect(bodies(await one.receive('default', 3))).toEqual([sent.body])
  })

  it('says that the broker is away', async () => {
    const transport = rabbitmqTransport({ url: 'amqp://127.0.0.1:1' })
    await expect(transport.receive('default', 1)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await expect(transport.depth('default')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    const stop = transport.watch(['default'], () => undefined)
    stop()
    await transport.close()
    await expect(transport.receive('default', 1)).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
  })
})
