// Derived ids: the same for the same parts, different for others, and UUIDv7 of the given time.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { deriveId } from './derive-id.js'
import { isUuid } from './id.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest()

describe('deriveId', () => {
  it('is a UUIDv7 of the given time', () => {
    for (const time of [0, 1, 1_767_225_600_000, 253_402_300_799_999]) {
      const id = deriveId(sha256, time, 'tick', 'nightly')
      expect(isUuid(id)).toBe(true)
      expect(id[14]).toBe('7')
      expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(time)
    }
  })

  it('is the same for the same parts only', () => {
    expect(deriveId(sha256, 1, 'a', 'b')).toBe(deriveId(sha256, 1, 'a', 'b'))
    const ids = [deriveId(sha256, 1, 'ab', 'c'), deriveId(sha256, 1, 'a', 'bc'), deriveId(sha256, 1, 'abc'), deriveId(sha256, 2, 'abc')]
    expect(new Set(ids).size).toBe(4)
  })

  it('stays the same across versions: stored ticks must merge with those of a newer worker', () => {
    expect(deriveId(sha256, 1_767_225_600_000, 'tick', 'nightly')).toBe('019b76da-a800-7009-a538-d40873bb1eeb')
  })
})
