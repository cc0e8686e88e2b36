// How queues and priorities become names of SQS, and back.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deadName, groupIdOf, parseRankName, rankName } from '../../dist/backends/sqs/names.js'
import type { PriorityRank } from '../../src/core/state.js'
import { hostile, message, transportOf } from './support.js'

const plain = { prefix: 'shop', fifo: false }
const fifo = { prefix: 'shop', fifo: true }

describe('names', () => {
  it('say prefix, queue and priority', () => {
    expect(rankName(plain, { queue: 'mail', rank: 2 })).toBe('shop-mail-normal')
    expect(rankName(plain, { queue: 'image-resize', rank: 0 })).toBe('shop-image-resize-critical')
    expect(rankName(fifo, { queue: 'mail', rank: 4 })).toBe('shop-mail-bulk.fifo')
    expect(deadName(plain, 'mail')).toBe('shop-mail-dead')
  })

  it('write what SQS does not take as _ and two hex digits, and _ twice', () => {
    expect(rankName(plain, { queue: 'mail.out_eu:1/@+', rank: 2 })).toBe('shop-mail_2eout__eu_3a1_2f_40_2b-normal')
  })

  it('can be read back, whatever the queue is called', () => {
    const queue = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._:/@+-]{0,12}$/)
    const rank = fc.integer({ min: 0, max: 4 }) as fc.Arbitrary<PriorityRank>
    fc.assert(
      fc.property(queue, rank, fc.boolean(), (name, position, ordered) => {
        const naming = { prefix: 'shop', fifo: ordered }
        const sqsName = rankName(naming, { queue: name, rank: position })
        expect(sqsName).toMatch(/^[A-Za-z0-9_-]{1,75}(\.fifo)?$/)
        expect(parseRankName(naming, sqsName)).toEqual({ queue: name, rank: position })
      }),
    )
  })

  it('of others are not ours', () => {
    for (const name of [
      'shop-mail-dead',
      'shop-mail',
      'shop-mail-normal.fifo',
      'shopping-mail-normal',
      'shop--normal',
      'shop-ma.il-normal',
      'shop-ma_zzil-normal',
    ])
      expect(parseRankName(plain, name), name).toBeNull()
  })

  it('that are too long are refused with the length, and nothing is sent', async () => {
    const server = await hostile()
    const transport = transportOf(server)
    const [answer] = await transport.send([message({ queue: 'q'.repeat(70) })])
    expect(answer).toMatchObject({ code: 'OPTION_INVALID', details: { charactersMax: 80 } })
    expect(answer?.message).toContain('82 characters of at most 80')
    await expect(transport.receive('.'.repeat(30), 1)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(server.queues.size).toBe(0)
  })
})

describe('groups', () => {
  it('stay as they are where SQS takes them, and are hashed where it does not', () => {
    expect(groupIdOf('tenant-1')).toBe('tenant-1')
    expect(groupIdOf('t'.repeat(128))).toBe('t'.repeat(128))
    for (const group of ['t'.repeat(129), 'zwei Wörter', 'a b']) expect(groupIdOf(group)).toMatch(/^sha256-[\w-]{43}$/)
    expect(groupIdOf('a b')).not.toBe(groupIdOf('a c'))
  })
})
