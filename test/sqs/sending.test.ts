// Batches of ten, what fails of them, and what SQS takes.
import { describe, expect, it } from 'vitest'
import { bodiesOf, hostile, message, messages, transportOf } from './support.js'

const allNull = (count: number): null[] => Array.from({ length: count }, () => null)

describe('batches', () => {
  it('are of ten', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    expect(await transport.send(messages(95))).toEqual(allNull(95))
    expect(server.countOf('SendMessageBatch')).toBe(10)
    expect(await transport.depth('mail')).toBe(95)
  })

  it('are of one queue and priority', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([...messages(3, { priority: 0 }), ...messages(3, { priority: 4 }), ...messages(3, { queue: 'other' })])
    expect(server.countOf('SendMessageBatch')).toBe(3)
    expect([...server.queues.keys()].sort()).toEqual([
      'test-mail-bulk',
      'test-mail-critical',
      'test-mail-dead',
      'test-other-dead',
      'test-other-normal',
    ])
  })

  it('stay within the size of a batch', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    const large = messages(7).map((one) => ({ ...one, body: JSON.stringify('x'.repeat(400_000)) }))
    expect(await transport.send(large)).toEqual(allNull(7))
    expect(server.countOf('SendMessageBatch')).toBe(4)
  })

  it('carry the group, so that the queue is fair', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([message({ group: 'tenant-1' }), message()])
    const groups = [...(server.queues.get('test-mail-normal')?.messages.values() ?? [])].map(({ groupId }) => groupId)
    expect(groups).toEqual(['tenant-1', null])
  })
})

describe('failures', () => {
  it('of some entries: those are sent again, the others are not', async () => {
    const server = await hostile({ faults: { entryError: 0.5 } })
    const transport = transportOf(server)
    const sent = messages(30)
    expect(await transport.send(sent)).toEqual(allNull(30))
    const stored = [...(server.queues.get('test-mail-normal')?.messages.values() ?? [])].map(({ body }) => body)
    expect(stored.sort()).toEqual(bodiesOf(sent).sort())
  })

  it('of one entry for good: it alone has an error, which says why', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    const sent = messages(3)
    const Failed = [{ Id: '1', SenderFault: true, Code: 'InvalidParameterValue', Message: 'Not this one.' }]
    const md5s = await import('../support/hostile-sqs-queue.js')
    const Successful = [0, 2].map((index) => ({ Id: String(index), MessageId: 'm', MD5OfMessageBody: md5s.md5(sent[index]?.body ?? '') }))
    server.script('SendMessageBatch', { answer: { Successful, Failed } })
    const [first, second, third] = await transport.send(sent)
    expect([first, third]).toEqual([null, null])
    expect(second).toMatchObject({ code: 'VALUE_REFUSED' })
    expect(second?.message).toContain('Not this one.')
  })

  it('of a whole batch for one entry: the others arrive', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([message()])
    const sent = messages(10)
    const bad = sent[6] as (typeof sent)[0]
    const hasBad = ({ Entries = [] }: { Entries?: readonly { MessageBody?: string }[] }): boolean =>
      Entries.some(({ MessageBody }) => MessageBody === bad.body)
    for (let size = 10; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      server.script('SendMessageBatch', { code: 'InvalidMessageContents' }, hasBad)
    const answers = await transport.send(sent)
    expect(answers.map((answer) => answer?.code ?? null)).toEqual(sent.map((one) => (one === bad ? 'VALUE_REFUSED' : null)))
  })

  it('that pass are tried again: throttling, 5xx, a cut connection, a lost answer', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    server.script('SendMessageBatch', { code: 'ThrottlingException' })
    server.script('SendMessageBatch', { code: 'InternalError', status: 500 })
    server.script('SendMessageBatch', 'cut')
    server.script('SendMessageBatch', { code: 'ServiceUnavailable', status: 503, also: true })
    expect(await transport.send([message()])).toEqual([null])
    expect(server.countOf('SendMessageBatch')).toBe(5)
    // The lost answer was of a message that was stored: at least once.
    expect(server.queues.get('test-mail-normal')?.messages.size).toBe(2)
  })

  it('of a connection that says nothing any more: another one is tried within the call', async () => {
    const server = await hostile()
    const transport = transportOf(server, { callTimeout: '2s' })
    await transport.send([message()])
    server.script('SendMessageBatch', 'hang')
    expect(await transport.send([message()])).toEqual([null])
  })

  it('that do not end are BACKEND_UNAVAILABLE when the time of a call is over', async () => {
    const server = await hostile()
    const transport = transportOf(server, { callTimeout: '1s' })
    await transport.send([message()])
    server.faults.serverError = 1
    const began = performance.now()
    const answers = await transport.send(messages(2))
    expect(answers.map((answer) => answer?.code)).toEqual(['BACKEND_UNAVAILABLE', 'BACKEND_UNAVAILABLE'])
    expect(performance.now() - began).toBeLessThan(3_000)
  })

  it('to connect are BACKEND_UNAVAILABLE, and open tries again', async () => {
    const server = await hostile()
    const transport = transportOf({ options: { ...server.options, endpoint: 'http://127.0.0.1:1' } }, { callTimeout: '1s' })
    await expect(transport.open()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await expect(transport.open()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect((await transport.send([message()]))[0]).toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })
})

describe('sizes', () => {
  it('of the queue are read, not assumed', async () => {
    const server = await hostile()
    const first = transportOf(server)
    await first.send([message()])
    const queue = server.queues.get('test-mail-normal')
    Object.assign(queue?.parts.attributes as Record<string, string>, { MaximumMessageSize: '2048' })
    const transport = transportOf(server)
    const large = message({ body: JSON.stringify('é'.repeat(1_024)) })
    const [answer, other] = await transport.send([large, message()])
    expect(answer).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { jobId: large.id, bytes: 2_050, bytesMax: 2_048 } })
    expect(other).toBeNull()
    expect(transport.bodyBytesMax).toBe(2_048)
  })

  it('up to a mebibyte pass in a queue that Kerja has made', async () => {
    const transport = transportOf(await hostile())
    expect(transport.bodyBytesMax).toBe(1_048_576)
    const body = JSON.stringify('x'.repeat(1_048_574))
    expect(await transport.send([message({ body })])).toEqual([null])
    expect(bodiesOf(await transport.receive('mail', 1))).toEqual([body])
  })
})

describe('characters', () => {
  it('that SQS refuses arrive all the same', async () => {
    const transport = transportOf(await hostile())
    const value = { text: 'a\uffffb\ufffec\u0000d\u001fe\u007ff\ud800g🙂h\u2028\udfff', '\uffff': 1 }
    // A lone half of a pair, as no JSON.stringify writes it.
    const body = JSON.stringify(value).replace('a\uffffb', 'a\uffffb')
    expect(await transport.send([message({ body })])).toEqual([null])
    const [received] = await transport.receive('mail', 1)
    expect(JSON.parse(received?.body as string)).toEqual(value)
  })
})
