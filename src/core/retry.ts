/** What becomes of a job whose attempt failed, ran out of time or died with its process. */
import { type BackoffPolicy, backoffMs } from './backoff.js'
import { DEFAULTS } from './options.js'
import { SUSPECT_CRASH_COUNT } from './state.js'

export interface FailedAttempt {
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
  /** Wait asked for by the error or by `ctx.retry`, in ms; null is none. It replaces the backoff. */
  readonly retryAfterMs: number | null
  /** No attempt starts after this instant, in epoch ms; null is never. */
  readonly giveUpAt: number | null
  readonly now: number
  readonly random: () => number
}

export type FailureDecision =
  | { readonly outcome: 'retry'; readonly delayMs: number }
  | { readonly outcome: 'fail'; readonly reason: 'attempts' | 'gave-up' }

/** Retry or fail, after a handler threw. A wait that was asked for is kept as asked: neither backoff nor jitter is added. */
export function decideFailure(failed: FailedAttempt): FailureDecision {
  if (failed.attempt >= failed.maxAttempts) return { outcome: 'fail', reason: 'attempts' }
  const asked = failed.retryAfterMs
  const delayMs = asked === null || Number.isNaN(asked) ? backoffMs(failed.backoff, failed.attempt, failed.random) : Math.max(0, Math.round(asked))
  if (failed.giveUpAt !== null && failed.now + delayMs > failed.giveUpAt) return { outcome: 'fail', reason: 'gave-up' }
  return { outcome: 'retry', delayMs }
}

export interface LapsedClaim {
  /** `death`: the process that ran the job is gone. `timeout`: the attempt outlived its time. */
  readonly cause: 'death' | 'timeout'
  readonly attempt: number
  readonly maxAttempts: number
  /** Process deaths seen before this one. */
  readonly crashCount: number
  /** The job had its worker to itself. */
  readonly alone: boolean
  /** It was being carried to another store; nobody ran it. */
  readonly forwarding: boolean
  readonly giveUpAt: number | null
  readonly now: number
  readonly backoff: BackoffPolicy
  readonly random: () => number
}

export type LapseDecision =
  /** Back to `available` with the crash noted. `burn`: the attempt counts. */
  | { readonly outcome: 'crash'; readonly burn: boolean }
  | { readonly outcome: 'retry'; readonly delayMs: number }
  /** Back to where it waited. */
  | { readonly outcome: 'release' }
  /** `crashed`: this lapse is a process death and is to be counted. */
  | { readonly outcome: 'fail'; readonly reason: 'crashed' | 'attempts' | 'gave-up'; readonly crashed: boolean }

/**
 * What becomes of a claim whose holder stopped renewing it. A timeout counts like any failure. A death does not count against a job that
 * had neighbours, for any of them may have caused it; alone it does. A job that a forwarder held was not run at all.
 */
export function decideLapse(lapsed: LapsedClaim): LapseDecision {
  if (lapsed.forwarding) return { outcome: 'release' }
  if (lapsed.cause === 'timeout') {
    const decision = decideFailure({ ...lapsed, retryAfterMs: null })
    return decision.outcome === 'retry' ? decision : { ...decision, crashed: false }
  }
  // At most one start was promised, and this was it, whoever is to blame.
  if (lapsed.maxAttempts <= 1) return { outcome: 'fail', reason: 'crashed', crashed: true }
  // It runs alone from the second death on, so every later death happened alone.
  const crashesAlone = lapsed.crashCount + 1 - SUSPECT_CRASH_COUNT
  if (lapsed.alone && crashesAlone >= DEFAULTS.job.crashesAloneMax) return { outcome: 'fail', reason: 'crashed', crashed: true }
  if (lapsed.alone && lapsed.attempt >= lapsed.maxAttempts) return { outcome: 'fail', reason: 'attempts', crashed: true }
  if (lapsed.giveUpAt !== null && lapsed.now > lapsed.giveUpAt) return { outcome: 'fail', reason: 'gave-up', crashed: true }
  return { outcome: 'crash', burn: lapsed.alone }
}
