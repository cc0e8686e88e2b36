/** What a handler may ask for instead of a plain result. Made by `ctx`, returned or thrown; never a special exception. */

const BRAND: unique symbol = Symbol.for('kerja.outcome')

export type OutcomeRequest =
  | { readonly type: 'complete'; readonly result: unknown; readonly committed: CommittedCompletion | null }
  | { readonly type: 'retry'; readonly delayMs: number }
  | { readonly type: 'snooze'; readonly delayMs: number }
  | { readonly type: 'cancel'; readonly reason: string }
  | { readonly type: 'fail'; readonly reason: string }

/** A completion written on the caller's transaction: whether it holds is read back after the handler returned. */
export interface CommittedCompletion {
  readonly written: true
}

/** Opaque to handlers: make it with `ctx.…()`, then return (or throw) it. */
export interface Outcome {
  readonly [BRAND]: true
  readonly request: OutcomeRequest
}

export const createOutcome = (request: OutcomeRequest): Outcome => Object.freeze({ [BRAND]: true as const, request })

export const isOutcome = (value: unknown): value is Outcome =>
  typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true
