// What is held past its time is not handed out.
import type { ChangeMessageVisibilityBatchCommandInput } from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import type { Calls } from './calls.js'
import { createHeld } from './held.js'

const place = { name: 'test-mail-normal', url: 'http://sqs/test-mail-normal', queue: 'mail', rank: 2 } as const
const urgent = { name: 'test-mail-critical', url: 'http://sqs/test-mail-critical', queue: 'mail', rank: 0 } as const

/** Takes the requests, answers that all of it was done. */
function recorded() {
  const inputs: ChangeMessageVisibilityBatchCommandInput[] = []
  const client = {
    changeMessageVisibilityBatch: async (input: ChangeMessageVisibilityBatchCommandInput) => {
      inputs.push(input)
      return { Successful: input.Entries?.map(({ Id }) => ({ Id })) ?? [], Failed: [] }
    },
  }
  const run = (_: string, request: (sqs: never, options: never) => Promise<unknown>) => request(client as never, {} as never)
  return { inputs, calls: { run, once: (what: string, __: unknown, request: never) => run(what, request) } as unknown as Calls }
}

const messageOf = (id: string, receipt = id) => ({ MessageId: id, ReceiptHandle: receipt, Body: id })

describe('held messages', () => {
  it('are not handed out when their visibility has ended, since somebody else may have them', async () => {
    let at = 0
    const held = createHeld({ calls: recorded().calls, visibilityMs: 5_000, now: () => at })
    held.add(place, [messageOf('early')], at)
    at = 4_000
    held.add(place, [messageOf('late')], at)
    // The event loop stood still.
    at = 5_000
    expect(held.take('mail', 10).map(({ body }) => body)).toEqual(['late'])
    await held.close()
  })

  it('are handed out by priority, then age, each once', async () => {
    const held = createHeld({ calls: recorded().calls, visibilityMs: 5_000, now: () => 0 })
    held.add(place, [messageOf('one'), messageOf('two')], 0)
    held.add(urgent, [messageOf('three')], 0)
    expect(held.take('mail', 2).map(({ body }) => body)).toEqual(['three', 'one'])
    expect(held.take('mail', 2).map(({ body }) => body)).toEqual(['two'])
    expect(held.take('other', 2)).toEqual([])
    await held.close()
  })

  it('count as new once, and keep the newest receipt', async () => {
    const { calls, inputs } = recorded()
    const held = createHeld({ calls, visibilityMs: 5_000, now: () => 0 })
    expect(held.add(place, [messageOf('one', 'first')], 0)).toBe(1)
    expect(held.add(place, [messageOf('one', 'second')], 0)).toBe(0)
    expect(held.bufferedCount('mail')).toBe(1)
    await held.close()
    expect(inputs.flatMap(({ Entries }) => Entries?.map(({ ReceiptHandle, VisibilityTimeout }) => [ReceiptHandle, VisibilityTimeout]))).toEqual([
      ['second', 0],
    ])
  })
})
