/** How long a job waits after a failed attempt. */

export interface BackoffPolicy {
  /** Wait after the first failed attempt, in ms, before jitter. */
  readonly firstMs: number
  /** Each wait is this many times the one before. From 1. */
  readonly factor: number
  /** No wait is longer than this, in ms. */
  readonly maxMs: number
  /** `full`: anywhere from 0 to the wait. `equal`: from half of it to all of it. `none`: exactly the wait. */
  readonly jitter: 'full' | 'equal' | 'none'
}

/**
 * The wait in whole ms, from 0 to `policy.maxMs`. `attempt` is the number of the attempt that failed, from 1; any number is safe.
 * `random` gives a number from 0 to below 1.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number): number {
  // Not Math.max, which lets NaN through.
  const failuresBefore = attempt > 1 ? attempt - 1 : 0
  // 1 to the power of Infinity is NaN, and so is 0 × Infinity: what does not grow is not raised, and nothing stays nothing.
  const grown = policy.factor === 1 ? policy.firstMs : policy.firstMs * policy.factor ** failuresBefore
  const wait = policy.firstMs > 0 ? Math.min(grown, policy.maxMs) : 0
  return Math.max(0, Math.round(jittered(wait, policy.jitter, random)))
}

function jittered(waitMs: number, jitter: BackoffPolicy['jitter'], random: () => number): number {
  if (jitter === 'none') return waitMs
  return jitter === 'full' ? waitMs * random() : waitMs / 2 + (waitMs / 2) * random()
}
