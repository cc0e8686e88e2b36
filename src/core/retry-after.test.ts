import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULTS } from './options.js'
import { retryAfterMs } from './retry-after.js'

const MAX_MS = DEFAULTS.job.retryAfterMaxMs

const NOW = Date.UTC(2026, 7, 1)
const DATE = 'Sat, 01 Aug 2026 00:01:30 GMT'

describe('retryAfterMs', () => {
  it.each<[string, unknown, number | null]>([
    ['seconds on the error', { retryAfter: 30 }, 30_000],
    ['text on the error', { retryAfter: '30' }, 30_000],
    ['zero', { retryAfter: 0 }, 0],
    ['fractions', { retryAfter: '1.5' }, 1_500],
    ['a date', { retryAfter: DATE }, 90_000],
    ['a past date', { retryAfter: 'Fri, 31 Jul 2026 00:00:00 GMT' }, 0],
    ['an obsolete date', { retryAfter: 'Saturday, 01-Aug-26 00:01:30 GMT' }, 90_000],
    ['Headers', { headers: new Headers({ 'Retry-After': '5' }) }, 5_000],
    ['a thrown Response', new Response(null, { status: 429, headers: { 'retry-after': '5' } }), 5_000],
    ['a plain object', { headers: { 'retry-after': '5' } }, 5_000],
    ['any case', { headers: { 'RETRY-AFTER': ' 5 ' } }, 5_000],
    ['a list of values', { headers: { 'retry-after': ['5', '9'] } }, 5_000],
    ['the response', { response: { headers: { 'Retry-After': 5 } } }, 5_000],
    ['a get() without the header, beside plain names', { headers: { get: () => null, 'retry-after': '5' } }, 5_000],
    ['the next place when the first is unreadable', { retryAfter: 'soon', headers: { 'retry-after': '5' } }, 5_000],
    ['too long a wait', { retryAfter: 1e12 }, MAX_MS],
    ['Infinity', { retryAfter: Number.POSITIVE_INFINITY }, MAX_MS],
    ['NaN', { retryAfter: Number.NaN }, null],
    ['negative seconds', { retryAfter: -1 }, null],
    ['negative text', { retryAfter: '-1' }, null],
    ['a date without a zone', { retryAfter: '2026-08-01T00:01:30' }, null],
    ['junk', { retryAfter: 'soon' }, null],
    ['long junk', { retryAfter: '1'.repeat(1_000_000) }, null],
    ['no header', { headers: {} }, null],
    ['null', null, null],
    ['undefined', undefined, null],
    ['a string', 'retry-after: 5', null],
    ['an Error', new Error('x'), null],
  ])('reads %s', (_what, error, expected) => {
    expect(retryAfterMs(error, NOW)).toBe(expected)
  })

  it('never throws', () => {
    const throwing = () => {
      throw new Error('trap')
    }
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const hostile = new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing })
    const errors = [
      hostile,
      revoked.proxy,
      { headers: hostile },
      { headers: revoked.proxy },
      { response: revoked.proxy },
      { response: { headers: { get: throwing } } },
      Object.defineProperty({}, 'retryAfter', { get: throwing }),
      Object.defineProperty({}, 'headers', { get: throwing }),
    ]
    for (const error of errors) expect(retryAfterMs(error, NOW)).toBeNull()
  })

  it('is null, or whole and within its limits, for anything', () => {
    const error = fc.record({ retryAfter: fc.anything(), headers: fc.anything(), response: fc.anything() }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.oneof(fc.anything(), error), (thrown) => {
        const wait = retryAfterMs(thrown, NOW)
        expect(wait === null || (Number.isInteger(wait) && wait >= 0 && wait <= MAX_MS)).toBe(true)
      }),
    )
  })
})
