import { describe, expect, it } from 'vitest'
import { cut, relativeTime, safe, safeLines, shortDuration, toJson } from './text.js'

describe('safe', () => {
  it.each([
    ['plain text, ünïcödé, 日本, 👩‍👩‍👧', 'plain text, ünïcödé, 日本, 👩\\u200d👩\\u200d👧'],
    ['\u001b[31mred', '\\x1b[31mred'],
    ['\u009b2J', '\\x9b2J'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u202eevil\u2066', '\\u202eevil\\u2066'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800x', '\\ud800x'],
    ['\u007f\u0000', '\\x7f\\x00'],
  ])('%j', (text, shown) => expect(safe(text)).toBe(shown))

  it('of lines keeps the breaks', () => expect(safeLines('a\n\tb\u0007\r\nc')).toEqual(['a', '  b\\x07', 'c']))
})

describe('toJson', () => {
  it('means the same and is safe', () => {
    const value = { text: '\u009b\u202e\u{e0041}\n', list: [1, null, true] }
    expect(toJson(value)).not.toMatch(/[\u0080-\u009f\u202e]/)
    expect(JSON.parse(toJson(value))).toEqual(value)
    expect(JSON.parse(toJson(value, 2))).toEqual(value)
  })

  it('writes what JSON has no form for', () => {
    expect(toJson({ big: 12n, bytes: new Uint8Array([1, 2]), at: new Date(0) })).toBe('{"big":"12","bytes":"AQI=","at":"1970-01-01T00:00:00.000Z"}')
    expect(toJson(undefined)).toBe('null')
  })
})

describe('times', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%d ms is %s', (ms, words) => expect(shortDuration(ms)).toBe(words))

  it('are relative to now', () => {
    expect(relativeTime(null, 0)).toBe('-')
    expect(relativeTime(new Date(500), 1_000)).toBe('now')
    expect(relativeTime(new Date(0), 5_000)).toBe('5s ago')
    expect(relativeTime(new Date(65_000), 0)).toBe('in 1m 5s')
  })
})

it('cut ends with an ellipsis', () => {
  expect(cut('abcdef', 4)).toBe('abc…')
  expect(cut('abc', 3)).toBe('abc')
})
