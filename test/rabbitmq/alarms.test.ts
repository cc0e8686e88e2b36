// A broker that takes no messages, all of them or those of one queue, says so in time; it still hands out those it has.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodies, drain, message, newPlace } from '../support/rabbitmq.js'
import { type RabbitmqNode, startNode } from '../support/rabbitmq-server.js'

let node: RabbitmqNode
beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.destroy())

describe('alarms of RabbitMQ', () => {
  it('fails what it does not store, by the deadline and then at once, and goes on when the alarm is over', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    let onLine = (_line: string): void => undefined
    const logger = { info: (line: string) => onLine(line), warn: () => undefined }
    const transport = place.transport({ callTimeout: '1s', logger })
    expect(await transport.send([message({ body: 'before' })])).toEqual([null])
    await node.control('set_vm_memory_high_watermark', '0')
    const startedAt = performance.now()
    expect(await transport.send([message({ body: 'during' })])).toMatchObject([
      { code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('takes no messages for now') },
    ])
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    // Known by now.
    const againAt = performance.now()
    expect(await transport.send([message()])).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }])
    expect(performance.now() - againAt).toBeLessThan(500)
    // Receiving has a connection of its own.
    expect(bodies(await drain(transport))).toEqual(['before'])

    const relieved = new Promise<void>((resolve) => {
      onLine = (line) => {
        if (line.includes('again')) resolve()
      }
    })
    await node.control('set_vm_memory_high_watermark', '0.4')
    await relieved
    expect(await transport.send([message({ body: 'after' })])).toEqual([null])
    // What was on its way when the alarm began is stored when it ends: unknown meant unknown.
    expect(bodies(await drain(transport))).toEqual(['during', 'after'])
  })

  it('closes in time while the alarm lasts', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url })
    const transport = place.transport({ callTimeout: '5m' })
    await transport.send([message()])
    await node.control('set_vm_memory_high_watermark', '0')
    const sending = transport.send([message()])
    const startedAt = performance.now()
    await transport.close()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await sending).toMatchObject([{ code: 'BACKEND_UNAVAILABLE' }])
    await node.control('set_vm_memory_high_watermark', '0.4')
  })

  it('says which messages a full queue refused', { timeout: 60_000 }, async () => {
    const place = newPlace({ url: node.url, queues: ['full', 'default'] })
    const transport = place.transport()
    await node.control('set_policy', 'short', String.raw`\.full\.`, '{"max-length":3}', '--apply-to', 'queues')
    // The queue takes a few more than its limit before it says so.
    const refused: unknown[] = []
    for (let count = 0; refused.length < 3 && count < 100; count++) {
      const [full, other] = await transport.send([message({ queue: 'full' }), message()])
      expect(other).toBeNull()
      if (full !== null) refused.push(full)
    }
    expect(refused).toHaveLength(3)
    expect(refused[0]).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('refused the message') })
    // Room again: it takes some.
    await drain(transport, 'full')
    await expect.poll(() => transport.send([message({ queue: 'full' })])).toEqual([null])
  })
})
