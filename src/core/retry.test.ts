import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULTS } from './options.js'
import { decideFailure, decideLapse, type FailedAttempt, type LapsedClaim } from './retry.js'
import { SUSPECT_CRASH_COUNT } from './state.js'

const backoff = { firstMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'none' } as const
const failed = (over: Partial<FailedAttempt> = {}): FailedAttempt => ({
  attempt: 1,
  maxAttempts: 10,
  backoff,
  retryAfterMs: null,
  giveUpAt: null,
  now: 1_000_000,
  random: () => 0.5,
  ...over,
})
const lapsed = (over: Partial<LapsedClaim> = {}): LapsedClaim => ({
  cause: 'death',
  attempt: 1,
  maxAttempts: 10,
  crashCount: 0,
  alone: false,
  forwarding: false,
  giveUpAt: null,
  now: 1_000_000,
  backoff,
  random: () => 0.5,
  ...over,
})

describe('decideFailure', () => {
  it('retries by the backoff until the attempts are used up', () => {
    expect(decideFailure(failed())).toEqual({ outcome: 'retry', delayMs: 1_000 })
    expect(decideFailure(failed({ attempt: 9 }))).toEqual({ outcome: 'retry', delayMs: 60_000 })
    expect(decideFailure(failed({ attempt: 10 }))).toEqual({ outcome: 'fail', reason: 'attempts' })
    expect(decideFailure(failed({ maxAttempts: 1 }))).toEqual({ outcome: 'fail', reason: 'attempts' })
  })

  it('keeps the wait that was asked for', () => {
    expect(decideFailure(failed({ retryAfterMs: 5 }))).toEqual({ outcome: 'retry', delayMs: 5 })
    expect(decideFailure(failed({ retryAfterMs: 0 }))).toEqual({ outcome: 'retry', delayMs: 0 })
    expect(decideFailure(failed({ retryAfterMs: -5 }))).toEqual({ outcome: 'retry', delayMs: 0 })
    expect(decideFailure(failed({ retryAfterMs: 3_600_000 }))).toEqual({ outcome: 'retry', delayMs: 3_600_000 })
    expect(decideFailure(failed({ retryAfterMs: Number.NaN }))).toEqual({ outcome: 'retry', delayMs: 1_000 })
  })

  it('gives up when the next start would be too late', () => {
    expect(decideFailure(failed({ giveUpAt: 1_001_000 }))).toEqual({ outcome: 'retry', delayMs: 1_000 })
    expect(decideFailure(failed({ giveUpAt: 1_000_999 }))).toEqual({ outcome: 'fail', reason: 'gave-up' })
    expect(decideFailure(failed({ giveUpAt: 2_000_000, retryAfterMs: 1_000_001 }))).toEqual({ outcome: 'fail', reason: 'gave-up' })
  })
})

describe('decideLapse after a death', () => {
  it('burns nothing while the job had neighbours', () => {
    for (const crashCount of [0, 1, 2, 50]) expect(decideLapse(lapsed({ crashCount }))).toEqual({ outcome: 'crash', burn: false })
    expect(decideLapse(lapsed({ attempt: 10 }))).toEqual({ outcome: 'crash', burn: false })
  })

  it('burns an attempt of a suspect that ran alone, and fails it at the third such crash', () => {
    expect(decideLapse(lapsed({ alone: true, crashCount: 2 }))).toEqual({ outcome: 'crash', burn: true })
    expect(decideLapse(lapsed({ alone: true, crashCount: 3 }))).toEqual({ outcome: 'crash', burn: true })
    expect(decideLapse(lapsed({ alone: true, crashCount: 4 }))).toEqual({ outcome: 'fail', reason: 'crashed', crashed: true })
    expect(decideLapse(lapsed({ alone: true, crashCount: 2, attempt: 2, maxAttempts: 2 }))).toEqual({
      outcome: 'fail',
      reason: 'attempts',
      crashed: true,
    })
  })

  it('never starts a job twice that may start once', () => {
    for (const alone of [true, false]) {
      expect(decideLapse(lapsed({ maxAttempts: 1, alone }))).toEqual({ outcome: 'fail', reason: 'crashed', crashed: true })
    }
  })

  it('gives up when its time is over', () => {
    expect(decideLapse(lapsed({ giveUpAt: 1_000_000 }))).toEqual({ outcome: 'crash', burn: false })
    expect(decideLapse(lapsed({ giveUpAt: 999_999 }))).toEqual({ outcome: 'fail', reason: 'gave-up', crashed: true })
  })

  it('ends after a bounded number of deaths, however many attempts are allowed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), (maxAttempts) => {
        let attempt = 1
        let crashCount = 0
        for (;;) {
          const decision = decideLapse(lapsed({ attempt, maxAttempts, crashCount, alone: crashCount >= SUSPECT_CRASH_COUNT }))
          crashCount += 1
          if (decision.outcome === 'fail') break
          if (decision.outcome === 'crash' && decision.burn) attempt += 1
          expect(crashCount).toBeLessThan(10)
        }
        expect(crashCount).toBe(maxAttempts === 1 ? 1 : SUSPECT_CRASH_COUNT + Math.min(DEFAULTS.job.crashesAloneMax, maxAttempts))
      }),
    )
  })
})

describe('decideLapse of a job that was being carried to another store', () => {
  it('gives it back as it was, whatever it has seen', () => {
    expect(decideLapse(lapsed({ forwarding: true }))).toEqual({ outcome: 'release' })
    expect(decideLapse(lapsed({ forwarding: true, maxAttempts: 1, crashCount: 9, giveUpAt: 1 }))).toEqual({ outcome: 'release' })
  })
})

describe('decideLapse after a timeout', () => {
  it('counts like any failure', () => {
    expect(decideLapse(lapsed({ cause: 'timeout' }))).toEqual({ outcome: 'retry', delayMs: 1_000 })
    expect(decideLapse(lapsed({ cause: 'timeout', alone: true, crashCount: 9 }))).toEqual({ outcome: 'retry', delayMs: 1_000 })
    expect(decideLapse(lapsed({ cause: 'timeout', attempt: 10 }))).toEqual({ outcome: 'fail', reason: 'attempts', crashed: false })
    expect(decideLapse(lapsed({ cause: 'timeout', maxAttempts: 1 }))).toEqual({ outcome: 'fail', reason: 'attempts', crashed: false })
    expect(decideLapse(lapsed({ cause: 'timeout', giveUpAt: 1_000_500 }))).toEqual({ outcome: 'fail', reason: 'gave-up', crashed: false })
  })
})
