/** How a run ended → the settlement to send, and the event to tell once it is on disk. Policy is core's; this maps to and from it. */
import type { ClaimedJob, NewJob, SettlementOutcome, SettleResult } from '../contract/job.js'
import { toJobFailure } from '../core/failure.js'
import { DEFAULTS } from '../core/options.js'
import { isOutcome, type Outcome } from '../core/outcome.js'
import { decideFailure } from '../core/retry.js'
import { retryAfterMs } from '../core/retry-after.js'
import type { Handler } from '../define/definition.js'
import { KerjaError } from '../errors.js'
import { monotonicMs } from '../lease/monotonic.js'
import type { EventHub } from '../observe/events.js'
import type { Logger } from '../observe/logger.js'
import type { Active } from './active.js'
import type { RunServices } from './context.js'
import { askOnError } from './on-error.js'
import { encodeResult } from './payload.js'
import type { Recorder } from './recorder.js'
import { hasCode } from './values.js'

export interface Judge {
  /** What the runs of a kind share. */
  servicesOf(handler: Handler): RunServices
  /** null: nothing to settle, the handler's transaction has completed the job. A promise only where something must be awaited: most runs end here. */
  returned(entry: Active, handler: Handler, value: unknown): SettlementOutcome | null | Promise<SettlementOutcome | null>
  threw(entry: Active, handler: Handler, error: unknown): SettlementOutcome
  /** The run ends through no fault of its job. */
  interrupted(entry: Active, why: string): SettlementOutcome
  report(entry: Active, outcome: SettlementOutcome, result: SettleResult): void
}

export interface JudgeOptions {
  readonly services: Omit<RunServices, 'encodeResult' | 'completion' | 'log'>
  readonly recorder: Recorder
  readonly events: EventHub
  readonly logger: Logger
  readonly random: () => number
  /** Reads whether a completion written on the caller's transaction holds. */
  readonly holds: (job: ClaimedJob) => Promise<boolean>
}

export function createJudge(options: JudgeOptions): Judge {
  const { events, logger } = options

  const completion = (handler: Handler, result: string | null, enqueue: readonly NewJob[]): SettlementOutcome => ({
    outcome: 'complete',
    result,
    retentionMs: handler.job.options.completedRetentionMs,
    enqueue,
  })

  const failed = (entry: Active, handler: Handler, error: unknown, askedMs: number | null): SettlementOutcome => {
    const { job } = entry
    // The store's clock, carried forward by the monotonic one: the wall clock of this machine may be wrong.
    const now = job.claimedAt + (monotonicMs() - entry.claimedAtMs)
    const failure = toJobFailure(error)
    const { backoff, failedRetentionMs } = handler.job.options
    const decision = decideFailure({ ...job, backoff, retryAfterMs: askedMs ?? retryAfterMs(error, now), now, random: options.random })
    if (decision.outcome === 'retry') return { outcome: 'retry', delayMs: decision.delayMs, failure }
    return { outcome: 'fail', reason: decision.reason, failure, retentionMs: failedRetentionMs, crashed: false }
  }

  const asked = async (entry: Active, handler: Handler, outcome: Outcome, cause: unknown): Promise<SettlementOutcome | null> => {
    const { request } = outcome
    if (request.type === 'complete' && request.committed !== null)
      return (await options.holds(entry.job)) ? null : failed(entry, handler, notCommitted(entry.job), null)
    if (request.type === 'complete') return completion(handler, await encodeResult(handler.job, request.result), await entry.run.children())
    return refused(entry, handler, outcome, cause)
  }

  const refused = (entry: Active, handler: Handler, outcome: Outcome, cause: unknown): SettlementOutcome => {
    const { request } = outcome
    const retentionMs = handler.job.options.failedRetentionMs
    if (request.type === 'snooze') return { outcome: 'snooze', delayMs: request.delayMs }
    if (request.type === 'cancel') return { outcome: 'cancel', reason: request.reason, retentionMs }
    if (request.type === 'retry') return failed(entry, handler, cause ?? new Error('the handler asked for a retry'), request.delayMs)
    const reason = request.type === 'fail' ? request.reason : 'fail'
    return { outcome: 'fail', reason, failure: toJobFailure(cause ?? new Error(reason)), retentionMs, crashed: false }
  }

  const threw = (entry: Active, handler: Handler, error: unknown): SettlementOutcome => {
    const { abortReason } = entry.run
    // What the handler threw after its abort is most likely the abort itself: the reason says more.
    // A job given back while its cancellation is asked for ends with the reason that was asked for, which only the store knows.
    if (abortReason?.code === 'JOB_CANCELLED') return { outcome: 'release' }
    if (abortReason?.code === 'WORKER_STATE') return interrupted(entry, 'The worker stopped')
    // Perhaps the store has not yet given it to another: then it is given back here, for the job is not to blame.
    if (abortReason?.code === 'LEASE_LOST') return interrupted(entry, 'The worker could not renew its lease')
    if (abortReason?.code === 'JOB_TIMEOUT') return failed(entry, handler, abortReason, null)
    const decided = hasCode(error, 'OUTCOME_UNUSED') ? null : askOnError(handler, entry, error, logger)
    return decided === null ? failed(entry, handler, error, null) : refused(entry, handler, decided, error)
  }

  return {
    threw,
    interrupted,
    servicesOf: (handler) => ({
      ...options.services,
      encodeResult: (result) => encodeResult(handler.job, result),
      completion: (job, result, enqueue) => ({ lease: job, ...completion(handler, result, enqueue) }),
      log: (target, level, message, late) => {
        if (!late) options.recorder.log(target, level, message)
        logger[level](message, { jobId: target.jobId, kind: target.kind, attempt: target.attempt })
      },
    }),
    returned(entry, handler, value) {
      const unused = entry.run.unused(value)
      if (unused !== undefined) {
        throw new KerjaError(
          'OUTCOME_UNUSED',
          `The handler of '${entry.job.kind}' made ctx.${unused.request.type}() and did not return it. Write: return ctx.${unused.request.type}(…).`,
        )
      }
      if (isOutcome(value)) return asked(entry, handler, value, undefined)
      const result = encodeResult(handler.job, value)
      const children = entry.run.children()
      if (result instanceof Promise || children instanceof Promise) {
        return Promise.all([result, children]).then(([text, jobs]) => completion(handler, text, jobs))
      }
      return completion(handler, result, children)
    },
    report: createReporter(events),
  }
}

function interrupted({ job }: Active, why: string): SettlementOutcome {
  if (job.maxAttempts > 1) return { outcome: 'release' }
  // At most one start was promised, and it has had it.
  const failure = toJobFailure(new KerjaError('WORKER_STATE', `${why} while the job ran, and maxAttempts 1 allows no second start.`))
  return { outcome: 'fail', reason: 'interrupted', failure, retentionMs: DEFAULTS.job.failedRetentionMs, crashed: false }
}

const notCommitted = (job: ClaimedJob): KerjaError =>
  new KerjaError(
    'TRANSACTION_INVALID',
    `The handler of job ${job.jobId} returned ctx.complete(…, { tx }), but the completion is not in the store: the transaction was rolled back or is still open.`,
  )

function createReporter(events: EventHub): Judge['report'] {
  return ({ job, run, startedAtMs }, outcome, result) => {
    const { jobId: id, kind, queue, attempt, token } = job
    if (result === 'lost') return events.emit('job.lost', { id, kind, queue, token, why: `its ${outcome.outcome} came too late` })
    if (result === 'superseded') return events.emit('job.cancelled', { id, kind, queue, reason: 'superseded' })
    switch (outcome.outcome) {
      case 'complete':
        if (events.has('job.completed')) events.emit('job.completed', { id, kind, queue, attempt, token, durationMs: monotonicMs() - startedAtMs })
        return
      case 'retry':
        return events.emit('job.retried', { id, kind, queue, attempt, token, delayMs: outcome.delayMs, failure: outcome.failure })
      case 'fail':
        return events.emit('job.failed', { id, kind, queue, attempt, token, reason: outcome.reason, failure: outcome.failure })
      case 'cancel':
        return events.emit('job.cancelled', { id, kind, queue, reason: outcome.reason })
      case 'snooze':
        return events.emit('job.snoozed', { id, kind, queue, delayMs: outcome.delayMs })
      case 'release':
        if (run.abortReason?.code === 'JOB_CANCELLED') return events.emit('job.cancelled', { id, kind, queue, reason: 'cancelled while running' })
        return events.emit('job.released', { id, kind, queue })
      case 'hold':
        return events.emit('job.held', { id, kind, queue, reason: outcome.reason, failure: outcome.failure })
      case 'crash':
        return
    }
  }
}
