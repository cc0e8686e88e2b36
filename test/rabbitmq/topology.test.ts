// The queues of Kerja: made when they are needed, found when somebody else made them, refused when they are others.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodies, drain, message, newPlace, type Place, rabbitmqTopology } from '../support/rabbitmq.js'
import { type RabbitmqNode, startNode } from '../support/rabbitmq-server.js'

let node: RabbitmqNode
beforeAll(async () => {
  node = await startNode()
  await node.control('add_user', 'app', 'secret')
  // No right to configure.
  await node.control('set_permissions', 'app', '', '.*', '.*')
})
afterAll(() => node.destroy())

const appUrl = (): string => node.url.replace('guest:guest', 'app:secret')

async function declareAll(
  place: Place,
  change: (queueArguments: Record<string, string | number>) => Record<string, string | number> = (same) => same,
): Promise<void> {
  const channel = await (await place.connection()).createChannel()
  for (const { name, durable, arguments: queueArguments } of rabbitmqTopology({ prefix: place.prefix, queues: ['default'] }))
    await channel.assertQueue(name, { durable, arguments: change({ ...queueArguments }) })
}

describe('the queues of Kerja on RabbitMQ', () => {
  it('are listed with every argument', () => {
    const [dead, ...queues] = rabbitmqTopology({ prefix: 'shop', queues: ['mail'] })
    expect(dead).toEqual({ name: 'kerja.v1.shop.dead', durable: true, arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish' } })
    expect(queues.map(({ name }) => name)).toEqual(['critical', 'high', 'normal', 'low', 'bulk'].map((word) => `kerja.v1.shop.mail.${word}`))
    expect(queues[2]?.arguments).toEqual({
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-delivery-limit': 1_000_000,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'kerja.v1.shop.dead',
      'x-dead-letter-strategy': 'at-least-once',
    })
  })

  it('are made as they are listed', async () => {
    const place = newPlace({ url: node.url })
    const transport = place.transport()
    await transport.send([message()])
    await drain(transport)
    // Declared again with the same arguments: another set would be refused.
    await declareAll(place)
  })

  it('are used as they are where this user may not make them', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    await declareAll(place)
    const transport = place.transport({ url: appUrl() })
    expect(await transport.send([message({ body: 'one' })])).toEqual([null])
    expect(bodies(await drain(transport))).toEqual(['one'])
    await transport.send([message({ body: 'strange' })])
    const [strange] = await transport.receive('default', 1)
    await transport.setAside(strange!, 'no JSON')
    const channel = await (await place.connection()).createChannel()
    expect(await channel.checkQueue(place.nameOf('dead'))).toMatchObject({ messageCount: 1 })
  })

  it('say what is missing where this user may not make them and nobody has', async () => {
    const place = newPlace({ url: node.url })
    const transport = place.transport({ url: appUrl() })
    const [error] = await transport.send([message()])
    expect(error).toMatchObject({ code: 'STORE_DENIED', message: expect.stringContaining(place.nameOf('default')) })
    expect(error?.message).not.toContain('secret')
    await expect(transport.receive('default', 1)).rejects.toMatchObject({ code: 'STORE_DENIED' })
    // Granted meanwhile: nothing needs to be made anew.
    await declareAll(place)
    expect(await transport.send([message({ body: 'now' })])).toEqual([null])
  })

  it('are refused when they were made otherwise', async () => {
    const place = newPlace({ url: node.url })
    await declareAll(place, (given) => ({ ...given, ...('x-delivery-limit' in given ? { 'x-delivery-limit': 5 } : {}) }))
    const transport = place.transport()
    const [error] = await transport.send([message()])
    expect(error).toMatchObject({ code: 'STORE_MISMATCH', message: expect.stringContaining(place.nameOf('default')) })
    await expect(transport.receive('default', 1)).rejects.toMatchObject({ code: 'STORE_MISMATCH' })
  })

  it('one that is made otherwise does not stand in the way of the others', async () => {
    const place = newPlace({ url: node.url })
    const channel = await (await place.connection()).createChannel()
    await channel.assertQueue(place.nameOf('default', 'bulk'), { durable: true })
    const transport = place.transport()
    const [refused, stored] = await transport.send([message({ priority: 4 }), message({ body: 'fine' })])
    expect(refused).toMatchObject({ code: 'STORE_MISMATCH' })
    expect(stored).toBeNull()
    expect(bodies(await transport.receive('default', 10))).toEqual(['fine'])
    await expect(transport.receive('default', 10)).rejects.toMatchObject({ code: 'STORE_MISMATCH' })
  })

  it('of different prefixes do not touch each other', async () => {
    const [one, other] = [newPlace({ url: node.url }), newPlace({ url: node.url })]
    await one.transport().send([message({ body: 'mine' })])
    expect(await other.transport().receive('default', 10)).toEqual([])
    expect(bodies(await drain(one.transport()))).toEqual(['mine'])
  })
})
