// Whatever ends a connection or a subscription, it goes on by itself afterwards, and nothing that was stored is lost.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bodies, drain, type IncomingMessage, message, messages, newPlace, type Transport } from '../support/rabbitmq.js'
import { type RabbitmqNode, startNode } from '../support/rabbitmq-server.js'
import { startProxy } from '../support/tcp-proxy.js'

/** What the broker waits for an acknowledgement. */
const ACKNOWLEDGE_MS = 3_000

let node: RabbitmqNode
beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.destroy())

/** Tries until the call succeeds; it may only fail as calls do while the broker is away. */
async function insist<Value>(act: () => Promise<Value>, timeout: number): Promise<Value> {
  const attempt = async (): Promise<Value> => {
    try {
      return await act()
    } catch (error) {
      expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
      throw error
    }
  }
  return vi.waitFor(attempt, { timeout, interval: 20 })
}

const sendOne = async (transport: Transport, body: string): Promise<void> => {
  const [error] = await transport.send([message({ body })])
  if (error !== null) throw error
}

/** At least one message. */
const receiveSome = async (transport: Transport): Promise<readonly IncomingMessage[]> => {
  const received = await transport.receive('default', 100)
  if (received.length === 0) throw Object.assign(new Error('nothing yet'), { code: 'BACKEND_UNAVAILABLE' })
  return received
}

describe('outages of RabbitMQ', () => {
  it('a broker that is killed and comes back: all that was stored is there, and one that waits is called', { timeout: 120_000 }, async () => {
    const place = newPlace({ url: node.url })
    const [producer, receiver] = [place.transport(), place.transport()]
    const stored = messages(50)
    expect(await producer.send(stored)).toEqual(stored.map(() => null))
    const held = await receiver.receive('default', 10)
    await receiver.acknowledge(held.slice(0, 5))
    // Answered by the queue after it has the acknowledgements.
    await receiver.receive('default', 0)

    // A queue that was made less than half a second before a crash does not work again after it: the broker notes late where its log is.
    await node.control('eval', '[dets:sync(Table) || Table <- dets:all()].')
    await node.kill()
    await expect(receiver.receive('default', 1)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await expect(receiver.depth('default')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect(await producer.send([message()])).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }])
    // Void by now, and without harm.
    await receiver.acknowledge(held)
    const called = new Promise<void>((resolve) => {
      const stop = receiver.watch(['default'], () => {
        stop()
        resolve()
      })
    })

    await node.start()
    const upAt = performance.now()
    await called
    const value = await insist(() => receiveSome(receiver), 10_000)
    expect(performance.now() - upAt).toBeLessThan(7_000)
    await receiver.acknowledge(value)
    const all = new Set(bodies([...held.slice(0, 5), ...value, ...(await drain(receiver))]))
    expect([...all].sort()).toEqual(bodies(stored).sort())
    await insist(() => sendOne(producer, 'after'), 10_000)
    expect(bodies(await drain(receiver))).toEqual(['after'])
  })

  it('a broker that is stopped and started in its place', { timeout: 120_000 }, async () => {
    const place = newPlace({ url: node.url })
    const transport = place.transport()
    await transport.send([message({ body: 'before' })])
    expect(bodies(await transport.receive('default', 1))).toEqual(['before'])
    await node.control('stop_app')
    await expect(transport.receive('default', 1)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await node.control('start_app')
    const value = await insist(() => receiveSome(transport), 10_000)
    expect(bodies(value)).toEqual(['before'])
    await transport.acknowledge(value)
    await insist(() => sendOne(transport, 'after'), 10_000)
    expect(bodies(await drain(transport))).toEqual(['after'])
  })

  it('a network that falls silent: the dead connection is noticed and another made', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    const proxy = await startProxy({ host: '127.0.0.1', port: node.port })
    try {
      const transport = place.transport({ url: `amqp://guest:guest@127.0.0.1:${proxy.port}`, callTimeout: '5m' })
      await sendOne(transport, 'before')
      expect(bodies(await transport.receive('default', 10))).toEqual(['before'])
      proxy.silence()
      const sentAt = performance.now()
      const [sending, receiving] = [transport.send([message({ body: 'lost' })]), transport.receive('default', 1)]
      await expect(receiving).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
      expect(await sending).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }])
      expect(performance.now() - sentAt).toBeLessThan(10_000)
      proxy.heal()
      await insist(() => sendOne(transport, 'after'), 15_000)
      // For as long as the broker has not noticed, too (it beats as we do), it hands messages to the connection that is dead.
      const value = await insist(() => receiveSome(transport), 30_000)
      expect(bodies(value)).not.toContain('lost')
    } finally {
      await proxy.close()
    }
  })

  it('connections that are cut, again and again', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    const proxy = await startProxy({ host: '127.0.0.1', port: node.port })
    try {
      const transport = place.transport({ url: `amqp://guest:guest@127.0.0.1:${proxy.port}` })
      const stored: string[] = []
      const seen = new Set<string>()
      for (let round = 0; round < 15; round++) {
        const sent = messages(20)
        await insist(async () => {
          const answers = await transport.send(sent)
          const error = answers.find((answer) => answer !== null)
          if (error !== undefined) throw error
        }, 15_000)
        stored.push(...bodies(sent))
        const value = await insist(() => transport.receive('default', 15), 15_000)
        for (const body of bodies(value)) seen.add(body)
        if (round % 2 === 0) proxy.cut()
        await transport.acknowledge(value)
      }
      await insist(async () => {
        for (const body of bodies(await drain(transport))) seen.add(body)
        if (seen.size < stored.length) throw Object.assign(new Error('not all yet'), { code: 'BACKEND_UNAVAILABLE' })
      }, 15_000)
      expect([...seen].sort()).toEqual([...new Set(stored)].sort())
    } finally {
      await proxy.close()
    }
  })

  it('a queue that somebody deletes while it is received from', async () => {
    const place = newPlace({ url: node.url })
    const transport = place.transport()
    await sendOne(transport, 'gone')
    const held = await transport.receive('default', 1)
    const channel = await (await place.connection()).createChannel()
    await channel.deleteQueue(place.nameOf('default'))
    await insist(() => transport.receive('default', 1), 5_000)
    await transport.acknowledge(held)
    await sendOne(transport, 'after')
    expect(bodies(await drain(transport))).toEqual(['after'])
  })

  it('a broker that waited too long for an acknowledgement: the message comes again', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    // Read when a channel is opened. The broker looks once a minute otherwise.
    await node.control(
      'eval',
      `application:set_env(rabbit, consumer_timeout, ${ACKNOWLEDGE_MS}), application:set_env(rabbit, channel_tick_interval, 500).`,
    )
    const lines: string[] = []
    const logger = { info: () => undefined, warn: (line: string) => void lines.push(line) }
    const transport = place.transport({ logger })
    await sendOne(transport, 'slow')
    const held = await transport.receive('default', 1)
    expect(bodies(held)).toEqual(['slow'])
    const value = await insist(() => receiveSome(transport), ACKNOWLEDGE_MS + 10_000)
    expect(bodies(value)).toEqual(['slow'])
    expect(lines).toContainEqual(expect.stringContaining('ended a subscription'))
    // Of the channel that is gone: it must not count for the message on the other.
    await transport.acknowledge(held)
    await transport.acknowledge(value)
    expect(await transport.receive('default', 1)).toEqual([])
  })

  it('closes in time although the broker does not answer', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    const proxy = await startProxy({ host: '127.0.0.1', port: node.port })
    try {
      const transport = place.transport({ url: `amqp://guest:guest@127.0.0.1:${proxy.port}`, callTimeout: '5m' })
      await sendOne(transport, 'one')
      await transport.receive('default', 1)
      proxy.silence()
      const sending = transport.send([message()])
      const startedAt = performance.now()
      await transport.close()
      expect(performance.now() - startedAt).toBeLessThan(10_000)
      expect(await sending).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }])
    } finally {
      await proxy.close()
    }
  })
})
