// What is received, in which order, and how long it stays the receiver's.
import { describe, expect, it } from 'vitest'
import { bodiesOf, hostile, message, messages, transportOf } from './support.js'

describe('receive', () => {
  it('takes the most urgent first, then the oldest', async () => {
    const transport = transportOf(await hostile())
    const low = messages(3, { priority: 3 })
    const critical = messages(3, { priority: 0 })
    await transport.send([...low, ...critical])
    expect(bodiesOf(await transport.receive('mail', 4))).toEqual(bodiesOf([...critical, low[0] as never]))
  })

  it('gives no more than is asked, and nothing twice', async () => {
    const transport = transportOf(await hostile())
    await transport.send(messages(25))
    const first = await transport.receive('mail', 3)
    const second = await transport.receive('mail', 30)
    expect([first.length, second.length]).toEqual([3, 22])
    expect(new Set(bodiesOf([...first, ...second])).size).toBe(25)
    expect(await transport.receive('mail', 10)).toEqual([])
    expect(await transport.receive('mail', 0)).toEqual([])
  })

  it('of a queue that nobody has used answers nothing', async () => {
    const transport = transportOf(await hostile())
    expect(await transport.receive('mail', 5)).toEqual([])
    expect(await transport.depth('mail')).toBe(0)
  })

  it('finds what a falsely empty poll hides', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send(messages(2))
    const empty = { answer: { Messages: [] } }
    server.script('ReceiveMessage', empty)
    server.script('ReceiveMessage', empty)
    expect(await transport.receive('mail', 2)).toHaveLength(2)
  })

  it('keeps what came when a later request fails', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    await transport.send([...messages(2, { priority: 0 }), ...messages(2)])
    server.script('ReceiveMessage', { code: 'AccessDenied', status: 403 }, ({ QueueUrl = '' }) => QueueUrl.endsWith('normal'))
    expect(await transport.receive('mail', 4)).toHaveLength(2)
    expect(await transport.receive('mail', 4)).toHaveLength(2)
  })

  it('says when too many messages are in flight', async () => {
    const server = await hostile({ faults: { inFlightMax: 2 } })
    const transport = transportOf(server)
    await transport.send(messages(4))
    expect(await transport.receive('mail', 2)).toHaveLength(2)
    await expect(transport.receive('mail', 2)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', details: { fault: 'full' } })
  })

  it('ends although the same message comes again and again', async () => {
    const server = await hostile({ faults: { duplicate: 1 } })
    const transport = transportOf(server)
    await transport.send(messages(3))
    expect(await transport.receive('mail', 100)).toHaveLength(3)
  })
})

describe('visibility', () => {
  it('of what its receiver keeps is extended, with the newest receipt', async () => {
    const server = await hostile()
    const transport = transportOf(server, { visibilityTimeout: '5s' })
    await transport.send([message()])
    const [received] = await transport.receive('mail', 1)
    await server.when(() => server.countOf('ChangeMessageVisibilityBatch') >= 2 || undefined)
    expect(server.queues.get('test-mail-normal')?.visibleCount()).toBe(0)
    await transport.acknowledge([received as never])
    expect(server.queues.get('test-mail-normal')?.messages.size).toBe(0)
  })

  it('of what nobody takes here is given up, so that others have it', async () => {
    const server = await hostile()
    const [one, other] = [transportOf(server), transportOf(server)]
    await one.send(messages(10))
    // The second receive in a moment asks for ten.
    await one.receive('mail', 1)
    await one.receive('mail', 1)
    const back = await server.when(() => server.requests.find(({ action }) => action === 'ChangeMessageVisibilityBatch'))
    expect(back.input.Entries?.map(({ VisibilityTimeout }) => VisibilityTimeout)).toEqual(Array.from({ length: 8 }, () => 0))
    await server.when(() => server.queues.get('test-mail-normal')?.visibleCount() === 8 || undefined)
    expect(await other.receive('mail', 10)).toHaveLength(8)
  })

  it('ends when the transport closes: what it held is there for others at once', async () => {
    const server = await hostile()
    const [one, other] = [transportOf(server), transportOf(server)]
    await one.send(messages(12))
    expect(await one.receive('mail', 12)).toHaveLength(12)
    await one.close()
    expect(await other.receive('mail', 12)).toHaveLength(12)
  })

  it('that a process which died leaves behind ends by itself', async () => {
    const server = await hostile()
    const [one, other] = [transportOf(server), transportOf(server)]
    await one.send([message()])
    await one.receive('mail', 1)
    expect(await other.receive('mail', 1)).toEqual([])
    server.advance(31_000)
    expect(await other.receive('mail', 1)).toHaveLength(1)
  })

  it('is not extended past the 12 hours of SQS, and no renewer is left behind', async () => {
    const server = await hostile()
    const transport = transportOf(server, { visibilityTimeout: '5s' })
    await transport.send([message()])
    await transport.receive('mail', 1)
    const firstReceivedAt = [...(server.queues.get('test-mail-normal')?.messages.values() ?? [])][0] as { firstReceivedAt: number }
    firstReceivedAt.firstReceivedAt -= 43_200_000
    await server.when(() => server.countOf('ChangeMessageVisibilityBatch') === 1 || undefined)
    await transport.close()
    // Neither the refusal nor the end asked again.
    expect(server.countOf('ChangeMessageVisibilityBatch')).toBe(1)
  })
})
