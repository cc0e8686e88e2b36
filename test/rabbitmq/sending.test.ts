// A message counts as sent when the broker has stored it, and only then.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bodies, drain, message, messages, newPlace, rabbitmqTransport } from '../support/rabbitmq.js'

describe('sending to RabbitMQ', () => {
  it('stores messages: they are there for another connection, durable and whole', async () => {
    const place = newPlace()
    const sent = [message({ body: '{"text":"äöü ✓ 🐇"}' }), message({ body: '' }), message({ body: 'x'.repeat(300_000) })]
    expect(await place.transport().send(sent)).toEqual([null, null, null])
    const received = await drain(place.transport())
    expect(bodies(received)).toEqual(bodies(sent))
  })

  it('carries thousands at a time, in order', async () => {
    const place = newPlace()
    const sent = messages(3_000)
    expect((await place.transport().send(sent)).filter((answer) => answer !== null)).toEqual([])
    expect(bodies(await drain(place.transport()))).toEqual(bodies(sent))
  })

  it('answers an empty call', async () => {
    expect(await newPlace().transport().send([])).toEqual([])
  })

  it('makes a queue again that somebody has deleted: a message that was returned was not stored', async () => {
    const place = newPlace({ queues: ['default', 'other'] })
    const transport = place.transport()
    expect(await transport.send([message(), message({ queue: 'other' })])).toEqual([null, null])
    const channel = await (await place.connection()).createChannel()
    await channel.deleteQueue(place.nameOf('default'))
    const sent = [message(), message({ queue: 'other' }), message()]
    expect(await transport.send(sent)).toEqual([null, null, null])
    expect(bodies(await drain(transport))).toEqual([sent[0]?.body, sent[2]?.body])
  })

  it('tells apart two of the same id that are on their way at once', async () => {
    const place = newPlace()
    const transport = place.transport()
    await transport.send([message()])
    const channel = await (await place.connection()).createChannel()
    await channel.deleteQueue(place.nameOf('default'))
    const id = randomUUID()
    expect(await transport.send([message({ id }), message({ id })])).toEqual([null, null])
    expect(await drain(transport)).toHaveLength(2)
  })

  it('refuses what is larger than RabbitMQ carries, and stores the rest', async () => {
    const place = newPlace()
    const transport = place.transport()
    const small = message()
    const answers = await transport.send([message({ body: 'x'.repeat(transport.bodyBytesMax + 1) }), small])
    expect(answers[0]).toMatchObject({ code: 'VALUE_REFUSED' })
    expect(answers[1]).toBeNull()
    expect(bodies(await drain(transport))).toEqual([small.body])
  })

  it('answers with the reason when the broker is away', async () => {
    const transport = rabbitmqTransport({ url: 'amqp://127.0.0.1:1' })
    await expect(transport.open()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    const answers = await transport.send(messages(2))
    expect(answers).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }, { code: 'BACKEND_UNAVAILABLE' }])
    await transport.close()
    expect(await transport.send([message()])).toMatchObject([{ code: 'BACKEND_CLOSED' }])
  })

  it('names a wrong password, but shows it nowhere', async () => {
    const place = newPlace()
    const { host } = new URL(place.url)
    const transport = place.transport({ url: `amqp://guest:s3cret@${host}` })
    const error = await transport.open().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('refused to log this user in') })
    expect(JSON.stringify(error) + String(error) + transport.location).not.toContain('s3cret')
  })
})
