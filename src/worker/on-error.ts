/** Asks a handler's `onError`. It is the application's code: whatever it does, the job is settled. */
import { toJobFailure } from '../core/failure.js'
import type { Outcome } from '../core/outcome.js'
import type { Handler } from '../define/definition.js'
import type { Logger } from '../observe/logger.js'
import type { Active } from './active.js'
import { isThenable, outcomeOf } from './values.js'

/** What it decided, or null: then the job's own retry policy decides. */
export function askOnError(handler: Handler, { job, run }: Active, error: unknown, logger: Logger): Outcome | null {
  if (handler.onError === null) return null
  try {
    const decided: unknown = handler.onError(error, run as never)
    if (decided === undefined) return null
    const outcome = outcomeOf(decided)
    if (outcome !== null && outcome.request.type !== 'complete') return outcome
    // Left alone, the rejection of an asynchronous onError would end the process.
    if (isThenable(decided)) Promise.resolve(decided).catch(() => undefined)
    throw new Error('it must return nothing, or at once what ctx.fail, ctx.retry, ctx.snooze or ctx.cancel gave it')
  } catch (inner) {
    const { jobId, kind } = job
    logger.error(`onError of '${kind}' cannot be followed; the job's own retry policy decides`, { jobId, error: toJobFailure(inner).message })
    return null
  }
}
