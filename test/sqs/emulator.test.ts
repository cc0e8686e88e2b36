// The whole way on an SQS that somebody else wrote: fauxqs, or what KERJA_TEST_SQS_ENDPOINT names.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSqs, type TestSqs } from '../support/sqs-server.js'
import { bodiesOf, message, messages, transportOf } from './support.js'

let sqs: TestSqs
beforeAll(async () => {
  sqs = await startSqs()
})
afterAll(() => sqs.stop())

describe('standard queues', () => {
  it('carry messages of all priorities, groups and characters', async () => {
    const transport = transportOf(sqs)
    await transport.open()
    const sent = ([4, 3, 2, 1, 0] as const).map((priority) =>
      message({ priority, queue: 'a.b/c', group: 'tenant 1', body: `{"text":"\uffff ü 🙂","p":${priority}}` }),
    )
    expect(await transport.send(sent)).toEqual([null, null, null, null, null])
    expect(await transport.depth('a.b/c')).toBe(5)
    const received = await transport.receive('a.b/c', 10)
    expect(received.map(({ body }) => JSON.parse(body))).toEqual(sent.toReversed().map(({ body }) => JSON.parse(body)))
    await transport.acknowledge(received)
    expect(await transport.depth('a.b/c')).toBe(0)
  })

  it('carry a thousand, to two receivers, once each', async () => {
    const [one, other] = [transportOf(sqs), transportOf(sqs)]
    const sent = messages(1_000, { queue: 'many' })
    expect((await one.send(sent)).every((answer) => answer === null)).toBe(true)
    const received = (await Promise.all([one.receive('many', 600), other.receive('many', 600)])).flat()
    expect(received.length).toBe(1_000)
    expect(new Set(bodiesOf(received)).size).toBe(1_000)
  })

  it('wake who watches', async () => {
    const [producer, worker] = [transportOf(sqs), transportOf(sqs)]
    await producer.send([message({ queue: 'watched' })])
    await producer.acknowledge(await producer.receive('watched', 1))
    const heard = new Promise<void>((resolve) => worker.watch(['watched'], resolve))
    const sent = message({ queue: 'watched' })
    await producer.send([sent])
    await heard
    expect(bodiesOf(await worker.receive('watched', 1))).toEqual([sent.body])
  })

  it('keep apart what cannot be read', async () => {
    const transport = transportOf(sqs)
    await transport.send([message({ queue: 'odd', body: 'what is this' })])
    const [received] = await transport.receive('odd', 1)
    await transport.setAside(received as never, 'It is no job.')
    const url = await sqs.urlOf(`${sqs.options.prefix}-odd-dead`)
    const { Messages = [] } = await sqs.client.receiveMessage({ QueueUrl: url, MessageAttributeNames: ['All'] })
    expect(Messages.map(({ Body, MessageAttributes }) => [Body, MessageAttributes?.['kerja-reason']?.StringValue])).toEqual([
      ['what is this', 'It is no job.'],
    ])
    expect(await transport.depth('odd')).toBe(0)
  })

  it('are made as they should be', async () => {
    const transport = transportOf(sqs)
    await transport.send([message({ queue: 'made' })])
    const url = await sqs.urlOf(`${sqs.options.prefix}-made-normal`)
    const { Attributes = {} } = await sqs.client.getQueueAttributes({ QueueUrl: url, AttributeNames: ['All'] })
    expect(Attributes).toMatchObject({ MessageRetentionPeriod: '1209600', VisibilityTimeout: '30' })
    expect(JSON.parse(Attributes.RedrivePolicy ?? '{}')).toMatchObject({ maxReceiveCount: 1_000 })
  })
})

describe('FIFO queues', () => {
  it('keep the order within a group, over batches and receives', async () => {
    const transport = transportOf(sqs, { fifo: true })
    const sent = messages(21, { queue: 'ordered', group: 'one' })
    expect((await transport.send(sent)).every((answer) => answer === null)).toBe(true)
    const order: string[] = []
    while (order.length < sent.length) {
      const received = await transport.receive('ordered', 7)
      order.push(...bodiesOf(received))
      await transport.acknowledge(received)
    }
    expect(order).toEqual(bodiesOf(sent))
  })

  it('merge what is sent twice', async () => {
    const transport = transportOf(sqs, { fifo: true })
    const sent = message({ queue: 'merged' })
    expect(await transport.send([sent, message({ queue: 'merged' })])).toEqual([null, null])
    expect(await transport.send([sent])).toEqual([null])
    expect(await transport.depth('merged')).toBe(2)
  })

  it('keep apart what cannot be read', async () => {
    const transport = transportOf(sqs, { fifo: true })
    await transport.send([message({ queue: 'odd', body: 'what is this' })])
    const [received] = await transport.receive('odd', 1)
    await transport.setAside(received as never, 'It is no job.')
    expect(await transport.depth('odd')).toBe(0)
    const url = await sqs.urlOf(`${sqs.options.prefix}-odd-dead.fifo`)
    expect((await sqs.client.receiveMessage({ QueueUrl: url })).Messages?.map(({ Body }) => Body)).toEqual(['what is this'])
  })
})
