import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KerjaError } from '../errors.js'
import { DURATION_MAX_MS, type Duration, formatDuration, parseDuration } from './duration.js'

describe('parseDuration', () => {
  it.each<[Duration, number]>([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    [1234, 1234],
    [0, 0],
    [0.6, 1],
  ])('reads %s', (value, ms) => {
    expect(parseDuration(value, 'delay')).toBe(ms)
  })

  it('reads compounds of any length, with or without spaces', () => {
    expect(parseDuration('1d 2h3m 4s5ms', 'delay')).toBe(93_784_005)
    expect(parseDuration(' 1h ', 'delay')).toBe(3_600_000)
  })

  it('refuses everything else', () => {
    const values = [
      '',
      ' ',
      '5',
      'm',
      '5x',
      '5 years',
      '-5s',
      '+5s',
      '1h1h',
      '30m1h',
      '5s!',
      '1e3s',
      '0x10s',
      '.5s',
      '5.s',
      'Infinity',
      '11000d',
      `${'1'.repeat(400)}s`,
      '1s'.repeat(5_000),
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -1,
      -0.4,
      DURATION_MAX_MS + 1,
      1e300,
      5n,
      null,
      undefined,
      true,
      [],
      {},
      ['5s'],
      new Date(5),
      Symbol('s'),
      () => 5,
    ]
    for (const value of values) {
      expect(() => parseDuration(value, 'delay')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  it('keeps the caller’s range, both ends included', () => {
    expect(parseDuration('1s', 'lease', { minMs: 1_000, maxMs: 2_000 })).toBe(1_000)
    expect(parseDuration('2s', 'lease', { minMs: 1_000, maxMs: 2_000 })).toBe(2_000)
    expect(() => parseDuration('999ms', 'lease', { minMs: 1_000 })).toThrow(KerjaError)
    expect(() => parseDuration('2001ms', 'lease', { maxMs: 2_000 })).toThrow(KerjaError)
  })

  it('names the option, the value and the rule', () => {
    expect(() => parseDuration('5 years', 'giveUpAfter', { minMs: 1_000, maxMs: 90_000 })).toThrow(
      `Option "giveUpAfter" is "5 years". Give a duration from 1s to 1m 30s: text such as '250ms', '30s', '1h30m' or '2d', or a number of milliseconds.`,
    )
    expect(() => parseDuration(Number.NaN, 'delay')).toThrow('Option "delay" is NaN.')
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0ms'],
    [250, '250ms'],
    [1_500, '1s 500ms'],
    [90_000, '1m 30s'],
    [5_400_000, '1h 30m'],
    [DURATION_MAX_MS, '3650d'],
    [3_599_999, '59m 59s'],
    [-5_000, '-5s'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ])('shows %s as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  it('writes what parseDuration reads, cut to two units', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DURATION_MAX_MS }), (ms) => {
        const read = parseDuration(formatDuration(ms), 'x')
        expect(read).toBeLessThanOrEqual(ms)
        expect(formatDuration(read)).toBe(formatDuration(ms))
      }),
    )
  })
})
