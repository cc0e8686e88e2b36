import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createIdGenerator, isUuid } from './id.js'

const timeOfId = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

const pseudoRandom =
  (seed = 1) =>
  (bytes: Uint8Array) => {
    let state = seed
    for (let index = 0; index < bytes.length; index++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      bytes[index] = state >>> 16
    }
  }

describe('createIdGenerator', () => {
  it('makes canonical UUIDv7 that hold their time', () => {
    const next = createIdGenerator({ now: () => 1_785_542_400_123, randomFill: pseudoRandom() })
    for (let index = 0; index < 1_000; index++) {
      const id = next()
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(timeOfId(id)).toBe(1_785_542_400_123)
    }
  })

  it('puts the bytes where RFC 9562 has them', () => {
    const next = createIdGenerator({ now: () => 0x017f_22e2_79b0, randomFill: (bytes) => bytes.fill(0xff) })
    expect(next()).toBe('017f22e2-79b0-77ff-bfff-ffffffffffff')
    expect(next()).toBe('017f22e2-79b0-7800-bfff-ffffffffffff')
  })

  it('rises whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 48 + 5 }), { minLength: 2, maxLength: 500 }), fc.integer(), (times, seed) => {
        let call = 0
        const next = createIdGenerator({ now: () => times[call++]!, randomFill: pseudoRandom(seed) })
        let previous = ''
        // The very last milliseconds of the year 10889 have no room to move on; nobody will miss them.
        for (const time of times) {
          const id = next()
          if (time < 2 ** 47) expect(id > previous || previous >= '7fffffff').toBe(true)
          previous = id
        }
      }),
    )
  })

  it('moves the time on when a millisecond is full', () => {
    const next = createIdGenerator({ now: () => 1_000, randomFill: pseudoRandom() })
    const ids = Array.from({ length: 20_000 }, next)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.toSorted()).toEqual(ids)
    expect(timeOfId(ids.at(-1)!)).toBeGreaterThan(1_000)
    expect(timeOfId(ids.at(-1)!)).toBeLessThan(1_015)
  })

  it('keeps generators with the same clock apart', () => {
    const generators = [1, 2, 3].map((seed) => createIdGenerator({ now: () => 5, randomFill: pseudoRandom(seed) }))
    const ids = generators.flatMap((next) => Array.from({ length: 1_000 }, next))
    expect(new Set(ids).size).toBe(3_000)
  })

  it('draws randomness in bulk', () => {
    let fills = 0
    const next = createIdGenerator({ now: () => 5, randomFill: () => void fills++ })
    for (let index = 0; index < 1_000; index++) next()
    expect(fills).toBe(3)
  })
})

describe('isUuid', () => {
  it('accepts the canonical form only', () => {
    expect(isUuid('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(true)
    expect(isUuid('9b2f7a0e-3c1d-4e5f-8a6b-1234567890ab')).toBe(true)
    for (const text of [
      '',
      '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
      '017f22e279b07cc398c4dc0c0c07398f',
      '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
      ' 017f22e2-79b0-7cc3-98c4-dc0c0c07398',
      5,
      null,
      undefined,
      {},
    ]) {
      expect(isUuid(text)).toBe(false)
    }
  })
})
