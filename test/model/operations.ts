/** What a random history is made of. Every duration is a multiple of 100 ms and every advance one more than that, so that no case rests on a boundary. */
import fc from 'fast-check'

export type Operation =
  | {
      readonly type: 'push'
      /** Push the id of an earlier job again. */
      readonly again: number | null
      readonly queue: 'a' | 'b'
      readonly priority: 0 | 2 | 4
      readonly delayMs: number
      readonly startWithinMs: number | null
      readonly giveUpAfterMs: number | null
      readonly unique: {
        readonly key: string
        readonly scope: 'waiting' | 'live'
        readonly whenTaken: 'skip' | 'replace' | 'reject'
        readonly debounceMs: number | null
      } | null
      readonly idempotency: { readonly key: string; readonly payloadHash: string; readonly ttlMs: number } | null
    }
  | { readonly type: 'claim'; readonly worker: number; readonly limit: number; readonly alone: boolean; readonly leaseMs: number | null }
  | {
      readonly type: 'settle'
      /** Counted back from the latest claim; older ones are mostly stale. */
      readonly claim: number
      readonly outcome: 'complete' | 'retry' | 'snooze' | 'release' | 'crash' | 'cancel' | 'fail' | 'hold'
      readonly delayMs: number
      readonly burn: boolean
    }
  | { readonly type: 'advance'; readonly ms: number }
  /** `job` counts back from the latest pushed. */
  | { readonly type: 'cancel' | 'retry' | 'remove'; readonly job: number }
  | { readonly type: 'update'; readonly job: number; readonly priority: 0 | 2 | 4; readonly delayMs: number | null; readonly payload: boolean }
  | { readonly type: 'pause' | 'resume'; readonly queue: 'a' | 'b' }
  /** The worker dies; another takes its place under a new id. */
  | { readonly type: 'die'; readonly worker: number }
  /** Every lapsed lease is settled: a death as a crash, a timeout as a retry. */
  | { readonly type: 'rescue'; readonly burn: boolean }
  | { readonly type: 'expire' | 'prune' }

const index = fc.nat({ max: 1_000 })
/** Mostly the latest, sometimes any. */
const recency = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 2 }) }, { weight: 1, arbitrary: index })
const sometimes = <T>(weight: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 10 - weight, arbitrary: fc.constant(null) }, { weight, arbitrary })
/** Few workers do the work, so that a death often hits one that has jobs. */
const place = fc.nat({ max: 2 })
const durationMs = fc.constantFrom(0, 0, 500, 2_000)
const limitMs = fc.constantFrom(null, null, null, 1_000, 3_000)
const queue = fc.constantFrom('a' as const, 'b' as const)
const priority = fc.constantFrom(0 as const, 2 as const, 2 as const, 4 as const)

const unique = fc.record({
  key: fc.constantFrom('k1', 'k2'),
  scope: fc.constantFrom('waiting' as const, 'live' as const),
  whenTaken: fc.constantFrom('skip' as const, 'replace' as const, 'reject' as const),
  debounceMs: fc.constantFrom(null, null, 1_000),
})
const idempotency = fc.record({ key: fc.constantFrom('r1', 'r2'), payloadHash: fc.constantFrom('h1', 'h1', 'h2'), ttlMs: fc.constant(5_000) })

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('push' as const),
      again: sometimes(1, index),
      queue,
      priority,
      delayMs: durationMs,
      startWithinMs: limitMs,
      giveUpAfterMs: limitMs,
      unique: sometimes(5, unique),
      idempotency: sometimes(2, idempotency),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('claim' as const),
      worker: place,
      limit: fc.constantFrom(0, 1, 1, 2, 3, 4),
      alone: fc.constantFrom(false, false, false, true, true),
      leaseMs: fc.constantFrom(null, 1_000),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('settle' as const),
      claim: recency,
      outcome: fc.constantFrom('complete', 'retry', 'snooze', 'release', 'crash', 'crash', 'crash', 'cancel', 'fail', 'hold'),
      delayMs: durationMs,
      burn: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(1, 501, 1_001, 3_001) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('cancel' as const, 'cancel' as const, 'retry' as const, 'retry' as const, 'retry' as const, 'remove' as const),
      job: recency,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('update' as const), job: recency, priority, delayMs: sometimes(5, durationMs), payload: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const), queue }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('die' as const), worker: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rescue' as const), burn: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('expire' as const, 'prune' as const) }) },
)
