import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BackoffPolicy, backoffMs } from './backoff.js'

const POLICY: BackoffPolicy = { firstMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'none' }
const policies = fc.record<BackoffPolicy>({
  firstMs: fc.integer({ min: 0, max: 1e9 }),
  factor: fc.double({ min: 1, max: 1_000, noNaN: true }),
  maxMs: fc.integer({ min: 0, max: 1e10 }),
  jitter: fc.constantFrom('full', 'equal', 'none'),
})
const attempts = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer(),
  fc.constantFrom(Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN, 0, -1),
)
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('backoffMs', () => {
  it('grows by the factor up to the limit', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => backoffMs(POLICY, attempt, () => 0.5))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ])
  })

  it('spreads full jitter over the whole wait and equal jitter over its upper half', () => {
    expect(backoffMs({ ...POLICY, jitter: 'full' }, 1, () => 0)).toBe(0)
    expect(backoffMs({ ...POLICY, jitter: 'full' }, 1, () => 0.25)).toBe(250)
    expect(backoffMs({ ...POLICY, jitter: 'equal' }, 1, () => 0)).toBe(500)
    expect(backoffMs({ ...POLICY, jitter: 'equal' }, 1, () => 0.5)).toBe(750)
  })

  it('is whole, not negative and within the limit for any attempt', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const wait = backoffMs(policy, attempt, () => random)
        expect(Number.isInteger(wait)).toBe(true)
        expect(wait).toBeGreaterThanOrEqual(0)
        expect(wait).toBeLessThanOrEqual(policy.maxMs)
      }),
    )
  })

  it('never shrinks with the attempt for the same draw', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 2_000 }), randoms, (policy, attempt, random) => {
        expect(backoffMs(policy, attempt + 1, () => random)).toBeGreaterThanOrEqual(backoffMs(policy, attempt, () => random))
      }),
    )
  })
})
