// Thousands of messages through an SQS that does everything that its documentation does not exclude: nothing is lost, and all of it ends.
import { describe, expect, it } from 'vitest'
import type { Transport } from '../../dist/backends/broker/transport.js'
import type { PriorityRank } from '../../src/core/state.js'
import { hostile, message, transportOf } from './support.js'

const UNKIND = {
  duplicate: 0.01,
  lateVisibility: 0.05,
  reorder: 0.5,
  emptyPoll: 0.3,
  staleDeleteWorks: 0.5,
  throttle: 0.03,
  serverError: 0.03,
  lostAnswer: 0.03,
  cutConnection: 0.02,
  entryError: 0.05,
  entryLostAnswer: 0.03,
}
const SEED = Number.parseInt(process.env.KERJA_TEST_SEED ?? '20261124', 10)
const PRODUCERS = 2
const CONSUMERS = 3
const BATCH = 37

/** Sends until it knows that all is stored. What is not known to be stored is sent again under its id. */
async function produce(transport: Transport, count: number, priorities: readonly PriorityRank[]): Promise<string[]> {
  const ids: string[] = []
  let unsent: ReturnType<typeof message>[] = []
  while (ids.length < count || unsent.length > 0) {
    while (unsent.length < BATCH && ids.length < count) {
      const made = message({
        priority: priorities[ids.length % priorities.length] as PriorityRank,
        group: ids.length % 3 === 0 ? `tenant ${ids.length % 7}` : null,
      })
      ids.push(made.id)
      unsent.push(made)
    }
    const answers = await transport.send(unsent)
    unsent = unsent.filter((_, index) => answers[index] !== null)
  }
  return ids
}

describe('a hostile SQS', () => {
  it(`loses nothing of 3,000 jobs (seed ${SEED})`, { timeout: 120_000 }, async () => {
    // Its seconds are twenty to one of ours: what is hidden by a lost answer comes back while the test runs.
    const server = await hostile({ seed: SEED, faults: UNKIND, timeScale: 20 })
    const options = { visibilityTimeout: '5s', callTimeout: '5s' } as const
    /** What the state would hold: how often each job came. */
    const cameCount = new Map<string, number>()
    let isOver = false
    let acknowledgedCount = 0
    const consume = async (transport: Transport, isWatching: boolean): Promise<void> => {
      if (isWatching) transport.watch(['mail'], () => undefined)
      while (!isOver) {
        const received = await transport.receive('mail', 25).catch(() => [])
        for (const { body } of received) {
          const { id } = JSON.parse(body) as { id: string }
          cameCount.set(id, (cameCount.get(id) ?? 0) + 1)
        }
        acknowledgedCount += received.length
        if (received.length > 0) await transport.acknowledge(received)
        else await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const consuming = Array.from({ length: CONSUMERS }, (_, index) => consume(transportOf(server, options), index > 0))
    const producing = Array.from({ length: PRODUCERS }, () => produce(transportOf(server, options), 3_000 / PRODUCERS, [2, 2, 0, 3]))
    const ids = (await Promise.all(producing)).flat()
    await server.when(
      () => (ids.every((id) => cameCount.has(id)) && [...server.queues.values()].every(({ messages }) => messages.size === 0)) || undefined,
    )
    isOver = true
    await Promise.all(consuming)
    expect(cameCount.size).toBe(3_000)
    expect(new Set(ids).size).toBe(3_000)
    // Duplicates are the rule here, and merge by id above.
    expect(acknowledgedCount).toBeGreaterThan(3_000)
    // The server was as unkind as it was told to be. No receipt here is stale for long enough to be used: that has its own test.
    const kinds = (Object.keys(UNKIND) as (keyof typeof UNKIND)[]).filter((fault) => fault !== 'staleDeleteWorks')
    expect(kinds.filter((fault) => (server.faultCounts.get(fault) ?? 0) === 0)).toEqual([])
    expect(server.queues.get('test-mail-dead')?.messages.size).toBe(0)
  })
})
