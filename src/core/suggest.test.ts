import { describe, expect, it } from 'vitest'
import { nearest, rejectUnknown } from './suggest.js'

const KNOWN = ['delay', 'runAt', 'priority', 'idempotencyKey', 'startWithin', 'tags', 'tx']

describe('nearest', () => {
  it.each([
    ['delya', 'delay'],
    ['dely', 'delay'],
    ['Delay', 'delay'],
    ['runat', 'runAt'],
    ['prioritty', 'priority'],
    ['idempotencykey', 'idempotencyKey'],
    ['idempotenceKey', 'idempotencyKey'],
    ['tag', 'tags'],
    ['xt', 'tx'],
  ])('takes %s for %s', (word, meant) => {
    expect(nearest(word, KNOWN)).toBe(meant)
  })

  it('has no guess where nothing is near', () => {
    for (const word of ['', 'zebra', 'concurrency', 'x'.repeat(10_000), 'ab', '__proto__', 'toString']) expect(nearest(word, KNOWN)).toBeUndefined()
  })

  it('prefers the closer word, then the earlier one', () => {
    expect(nearest('tims', ['timer', 'time', 'tins'])).toBe('time')
    expect(nearest('x', [])).toBeUndefined()
  })
})

describe('rejectUnknown', () => {
  it('accepts known names, and looks at own enumerable ones only', () => {
    rejectUnknown({}, KNOWN, 'enqueue()')
    rejectUnknown({ delay: 1, tx: undefined }, KNOWN, 'enqueue()')
    rejectUnknown(Object.create({ inherited: 1 }), KNOWN, 'enqueue()')
    rejectUnknown(Object.defineProperty({}, 'hidden', { value: 1 }), KNOWN, 'enqueue()')
  })

  it('says where, what was meant and what is known', () => {
    expect(() => rejectUnknown({ delya: 1 }, KNOWN, 'enqueue()')).toThrow(
      expect.objectContaining({
        code: 'OPTION_UNKNOWN',
        message: `Unknown option "delya" of enqueue(). Did you mean "delay"? Known: ${KNOWN.join(', ')}.`,
        details: { option: 'delya', where: 'enqueue()', suggestion: 'delay' },
      }),
    )
    expect(() => rejectUnknown({ zebra: 1 }, KNOWN, 'enqueue()')).toThrow('Unknown option "zebra" of enqueue(). Known: ')
    expect(() => rejectUnknown({ zebra: 1 }, [], 'close()')).toThrow('Known: none.')
  })

  it('refuses what is no object', () => {
    for (const value of [undefined, null, 7, 'text', [], () => undefined])
      expect(() => rejectUnknown(value, KNOWN, 'enqueue()')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('refuses names that live on every prototype', () => {
    for (const name of ['toString', 'constructor', 'hasOwnProperty']) expect(() => rejectUnknown({ [name]: 1 }, KNOWN, 'x')).toThrow(name)
    expect(() => rejectUnknown(JSON.parse('{"__proto__":1}'), KNOWN, 'x')).toThrow('"__proto__"')
  })
})
