// Deleting what is stored elsewhere, and setting aside what nobody can read.
import { describe, expect, it } from 'vitest'
import type { IncomingMessage } from '../../dist/backends/broker/transport.js'
import { bodiesOf, hostile, message, messages, transportOf } from './support.js'

const normal = 'test-mail-normal'

describe('acknowledge', () => {
  it('deletes in tens', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send(messages(25))
    await transport.acknowledge(await transport.receive('mail', 25))
    expect(server.countOf('DeleteMessageBatch')).toBe(3)
    expect(server.queues.get(normal)?.messages.size).toBe(0)
  })

  it('tries again what was not deleted', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send(messages(2))
    const received = await transport.receive('mail', 2)
    server.script('DeleteMessageBatch', {
      answer: {
        Successful: [],
        Failed: [
          { Id: '0', SenderFault: false, Code: 'InternalError' },
          { Id: '1', SenderFault: false, Code: 'InternalError' },
        ],
      },
    })
    await transport.acknowledge(received)
    expect(server.queues.get(normal)?.messages.size).toBe(0)
  })

  it('gives up what cannot be deleted: it comes again', async () => {
    const server = await hostile()
    const transport = transportOf(server, { callTimeout: '1s' })
    await transport.send(messages(2))
    const received = await transport.receive('mail', 2)
    server.faults.entryError = 1
    await transport.acknowledge(received)
    expect(server.countOf('DeleteMessageBatch')).toBe(3)
    server.faults.entryError = 0
    server.advance(31_000)
    expect(bodiesOf(await transport.receive('mail', 2)).sort()).toEqual(bodiesOf(received).sort())
  })

  it('never rejects, and ends within the time of a call, when SQS is away', async () => {
    const server = await hostile()
    const transport = transportOf(server, { callTimeout: '1s' })
    await transport.send([message()])
    const received = await transport.receive('mail', 1)
    server.faults.cutConnection = 1
    const began = performance.now()
    await transport.acknowledge(received)
    await transport.setAside(received[0] as never, 'not a job')
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  it('uses the newest receipt of a message that came twice', async () => {
    const server = await hostile({ faults: { duplicate: 1 } })
    const transport = transportOf(server)
    await transport.send([message()])
    const first = await transport.receive('mail', 1)
    const again = await transport.receive('mail', 1)
    expect(bodiesOf(again)).toEqual(bodiesOf(first))
    // With the receipt of the first delivery SQS would say «deleted» and keep it.
    await transport.acknowledge(first)
    expect(server.queues.get(normal)?.messages.size).toBe(0)
  })

  it('extends nothing that is acknowledged', async () => {
    const server = await hostile()
    const transport = transportOf(server, { visibilityTimeout: '5s' })
    await transport.send(messages(2))
    const [one, other] = (await transport.receive('mail', 2)) as [IncomingMessage, IncomingMessage]
    await transport.acknowledge([one])
    const { input } = await server.when(() => server.requests.find(({ action }) => action === 'ChangeMessageVisibilityBatch'))
    expect(input.Entries?.map(({ ReceiptHandle }) => ReceiptHandle)).toEqual([(other.handle as { receipt: string }).receipt])
  })
})

describe('setAside', () => {
  it('stores the message in the dead queue with the reason before it leaves its own', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([message({ body: 'not json' })])
    const [received] = await transport.receive('mail', 1)
    await transport.setAside(received as never, 'It is no \u0000 job.')
    const [dead] = [...(server.queues.get('test-mail-dead')?.messages.values() ?? [])]
    expect(dead).toMatchObject({ body: 'not json', attributes: { 'kerja-reason': { DataType: 'String', StringValue: 'It is no \uFFFD job.' } } })
    expect(server.queues.get(normal)?.messages.size).toBe(0)
    expect(await transport.depth('mail')).toBe(0)
    const order = server.requests.map(({ action }) => action).filter((action) => action === 'SendMessage' || action === 'DeleteMessageBatch')
    expect(order).toEqual(['SendMessage', 'DeleteMessageBatch'])
  })

  it('keeps the message where it is when the dead queue cannot be written', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([message()])
    const [received] = await transport.receive('mail', 1)
    server.script('SendMessage', { code: 'AccessDenied', status: 403 })
    await transport.setAside(received as never, 'no')
    expect(server.queues.get(normal)?.messages.size).toBe(1)
  })

  it('takes a message as large as can be', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([message({ body: 'x'.repeat(1_048_576) })])
    const [received] = await transport.receive('mail', 1)
    await transport.setAside(received as never, 'too much')
    expect(server.queues.get('test-mail-dead')?.messages.size).toBe(1)
    expect(server.queues.get(normal)?.messages.size).toBe(0)
  })
})
