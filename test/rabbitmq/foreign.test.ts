// Messages that are nobody's are put where a person finds them.
import { describe, expect, it } from 'vitest'
import { drain, message, newPlace } from '../support/rabbitmq.js'

describe('foreign messages in RabbitMQ', () => {
  it('are received as they came, and set aside whole, with the reason', async () => {
    const place = newPlace()
    const transport = place.transport()
    await transport.send([message({ body: 'ours' })])
    const channel = await (await place.connection()).createConfirmChannel()
    // No text, no id, and headers of its own.
    channel.sendToQueue(place.nameOf('default'), Buffer.from([0xff, 0x00, 0xfe]), { headers: { theirs: 1 }, persistent: false })
    await channel.waitForConfirms()
    const received = await transport.receive('default', 10)
    expect(received).toHaveLength(2)
    await transport.setAside(received[1]!, 'no JSON')
    await transport.acknowledge([received[0]!])
    expect(await transport.depth('default')).toBe(0)
    const dead = await channel.get(place.nameOf('dead'), { noAck: true })
    if (dead === false) throw new Error('nothing was set aside')
    expect([...dead.content]).toEqual([0xff, 0x00, 0xfe])
    expect(dead.properties.headers).toMatchObject({ theirs: 1, 'kerja-reason': 'no JSON', 'kerja-origin': place.nameOf('default') })
  })

  it('come again when they could not be set aside', async () => {
    const place = newPlace()
    const transport = place.transport()
    await transport.send([message({ body: 'strange' })])
    const [received] = await transport.receive('default', 10)
    await transport.close()
    await transport.setAside(received!, 'too late')
    expect((await drain(place.transport())).map(({ body }) => body)).toEqual(['strange'])
  })
})
