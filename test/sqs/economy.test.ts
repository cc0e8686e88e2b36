// Requests are what SQS charges for: at most 0.35 for a job at full load, and next to none when idle.
import { describe, expect, it } from 'vitest'
import type { Transport } from '../../dist/backends/broker/transport.js'
import { hostile, messages, transportOf } from './support.js'

const COUNT = 2_000

/** Receives and acknowledges all, `size` at a time, as claims of that many do. */
async function drain(transport: Transport, size: number): Promise<number> {
  let count = 0
  const acknowledging: Promise<void>[] = []
  for (;;) {
    const received = await transport.receive('mail', size)
    if (received.length === 0) break
    count += received.length
    // A claim does not wait for it.
    acknowledging.push(transport.acknowledge(received))
  }
  await Promise.all(acknowledging)
  return count
}

describe('requests', () => {
  it.each([1, 3, 11, 81, 500])('per job are at most 0.35 with claims of %i', async (size) => {
    const server = await hostile()
    const [producer, worker] = [transportOf(server), transportOf(server)]
    const stop = worker.watch(['mail'], () => undefined)
    for (let sent = 0; sent < COUNT; sent += 100) await producer.send(messages(100))
    expect(await drain(worker, size)).toBe(COUNT)
    stop()
    const perJob = server.requests.length / COUNT
    expect(perJob).toBeLessThanOrEqual(0.35)
    expect(server.countOf('SendMessageBatch') / COUNT).toBe(0.1)
    expect(server.countOf('DeleteMessageBatch') / COUNT).toBeLessThanOrEqual(0.11)
  })

  it('of an idle worker are its long polls and a look for new queues', async () => {
    const server = await hostile({ timeScale: 1_000 })
    const worker = transportOf(server)
    await worker.send(messages(1))
    await worker.acknowledge(await worker.receive('mail', 1))
    const began = server.requests.length
    worker.watch(['mail'], () => undefined)
    const isPoll = ({ input }: { input: { WaitTimeSeconds?: number } }): boolean => input.WaitTimeSeconds === 20
    // Twenty polls, each of twenty seconds of the server: 400 seconds, in which a worker looks for work 400 times.
    for (let look = 0; look < 400; look++) {
      await server.when(() => server.requests.filter(isPoll).length > look / 20 || undefined)
      expect(await worker.receive('mail', 10)).toEqual([])
      // The duties of a worker ask once a second.
      expect(await worker.depth('mail')).toBe(0)
    }
    const requests = server.requests.slice(began)
    const counts = new Map(requests.map(({ action }) => [action, requests.filter((request) => request.action === action).length]))
    expect(counts.get('ReceiveMessage') ?? 0).toBeLessThan(60)
    expect([...counts.keys()].filter((action) => !['ReceiveMessage', 'ListQueues'].includes(action))).toEqual([])
  })
})
