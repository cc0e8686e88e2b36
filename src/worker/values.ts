/** What handlers, schemas and upgrades hand over is not ours: here it is looked at without ever throwing. */
import { isOutcome, type Outcome } from '../core/outcome.js'
import { readProperty } from '../core/safe-read.js'

/** Also promises of another realm and of libraries, which are no instance of this realm's Promise. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  value instanceof Promise || (typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function')

/** The value when it is an outcome, else null. A revoked proxy, or one whose traps throw, is none. */
export function outcomeOf(value: unknown): Outcome | null {
  try {
    return isOutcome(value) ? value : null
  } catch {
    // What cannot be asked was not made by ctx.
    return null
  }
}

export const hasCode = (error: unknown, code: string): boolean => readProperty(error, 'code') === code
