/** A recurring rule that enqueues a job. */
import { validateRule } from '../core/cron.js'
import { type Duration, parseDuration } from '../core/duration.js'
import { checkName, checkWord } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { rejectUnknown } from '../core/suggest.js'
import { KerjaError, quote } from '../errors.js'
import type { JobRequest } from './definition.js'

export interface ScheduleOptions {
  /** Five fields, or six with seconds first. Not with `every`. */
  readonly cron?: string
  /** From 1 s. Ticks are multiples of it since 1970, so every process agrees. Not with `cron`. */
  readonly every?: Duration
  /**
   * An IANA name. Where the clocks go forward, a run in the gap starts at the shift; where they go back, a fixed time runs once.
   * @default 'UTC'
   */
  readonly timeZone?: string
  /** Ticks missed while nothing ran: none, one for all of them, or each. @default 'once' */
  readonly missed?: 'skip' | 'once' | 'all'
  /** While the last tick's job is not ended: enqueue another, or leave the tick out. @default 'allow' */
  readonly overlap?: 'allow' | 'skip'
}

export interface ScheduleDeclaration {
  readonly name: string
  readonly request: JobRequest
  readonly rule: { readonly cron: string | null; readonly everyMs: number | null; readonly timeZone: string }
  readonly missed: 'skip' | 'once' | 'all'
  readonly overlap: 'allow' | 'skip'
}

/**
 * Declares a schedule; give it to a worker (`schedules: […]`) or to `kerja.schedules.upsert`.
 * @throws {SCHEDULE_INVALID} {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example defineSchedule('nightly', report.with({}), { cron: '0 2 * * *', timeZone: 'Asia/Jakarta', missed: 'once', overlap: 'skip' })
 */
export function defineSchedule(name: string, request: JobRequest, options: ScheduleOptions): ScheduleDeclaration {
  checkName(name, 'schedule name')
  if (typeof request?.job?.kind !== 'string')
    throw new KerjaError(
      'OPTION_INVALID',
      `defineSchedule('${name}') takes a job with its payload, as job.with(payload) gives; got ${quote(request)}.`,
    )
  rejectUnknown(options, ['cron', 'every', 'timeZone', 'missed', 'overlap'], `defineSchedule('${name}')`)
  const { cron, every, timeZone = 'UTC', missed = 'once', overlap = 'allow' } = options
  const rule = {
    cron: cron ?? null,
    everyMs: every === undefined ? null : parseDuration(every, 'every', { minMs: DEFAULTS.schedule.everyMinMs }),
    timeZone,
  }
  validateRule(rule, name)
  return Object.freeze({
    name,
    request,
    rule: Object.freeze(rule),
    missed: checkWord(missed, 'missed', ['skip', 'once', 'all']),
    overlap: checkWord(overlap, 'overlap', ['allow', 'skip']),
  })
}
