/**
 * When a schedule ticks. Clock changes: a fixed time that falls into the gap ticks at the shift (02:30 at 03:00), and one that occurs twice ticks
 * the first time only. A pattern with a wildcard or a step in its time fields follows the clock: it leaves the gap out and runs through both
 * passes of the repeated hour. `everyMs` knows no clock changes: its ticks are multiples since 1970, the same in every process.
 */
import { Cron } from 'croner'
import { KerjaError, quote } from '../errors.js'
import { DEFAULTS } from './options.js'

/** Either `cron` or `everyMs` is set, never both. */
export interface TickRule {
  /** Five fields, or six with seconds first; at most 256 characters. */
  readonly cron: string | null
  /** Whole milliseconds, from 1,000. */
  readonly everyMs: number | null
  /** An IANA name such as `Europe/Berlin`. */
  readonly timeZone: string
}

const { cronCharactersMax, everyMinMs, missedToleranceMs, timeZoneCharactersMax } = DEFAULTS.schedule
const SECOND_MS = 1_000
// Offsets such as +02:00 are accepted by some versions of Node only.
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+\-/]*$/
// Patterns have no year, so any instant tells whether one ever ticks.
const REFERENCE = Date.UTC(2024, 0, 1)

/**
 * Refuses a rule that cannot tick. `name` is the schedule's, for the message.
 * @throws {SCHEDULE_INVALID}
 */
export function validateRule(rule: TickRule, name: string): void {
  const { cron, everyMs, timeZone } = rule
  const fail = (why: string, cause?: unknown): never => {
    throw new KerjaError('SCHEDULE_INVALID', `Schedule ${quote(name)} ${why}`, { cause, details: { name, cron, everyMs, timeZone } })
  }
  if ((cron === null) === (everyMs === null))
    fail(`has ${cron === null ? 'neither' : 'both'} cron ${cron === null ? 'nor' : 'and'} every. Give exactly one.`)
  if (!isTimeZone(timeZone))
    fail(`has the time zone ${quote(timeZone)}, which is not known here. Give an IANA name such as 'Europe/Berlin' or 'UTC'.`)
  if (everyMs !== null) {
    if (!Number.isSafeInteger(everyMs) || everyMs < everyMinMs) fail(`ticks every ${everyMs} ms. Give a whole number of at least ${everyMinMs} ms.`)
    return
  }
  if (typeof cron !== 'string' || cron.length > cronCharactersMax) {
    fail(`has the cron expression ${quote(cron)}. Give text of at most ${cronCharactersMax} characters.`)
  }
  let first: number | null = null
  try {
    first = compileRule(rule)(REFERENCE)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    fail(`has the cron expression ${quote(cron)}: ${why} Give five fields (minute hour day month weekday), or six with seconds first.`, cause)
  }
  if (first === null) fail(`has the cron expression ${quote(cron)}, which never ticks: no such date exists. Check its day and month.`)
}

/**
 * Compiles a rule once for many questions: the result gives the first tick strictly after an instant (epoch ms), or null when there is none.
 * @throws {TypeError | RangeError} of the cron parser, for a rule that `validateRule` refuses.
 */
export function compileRule(rule: TickRule): (after: number) => number | null {
  const { cron, everyMs, timeZone } = rule
  if (everyMs !== null) return (after) => (Math.floor(after / everyMs) + 1) * everyMs
  // The parser takes text with a colon for a date.
  if (cron === null || cron.includes(':')) throw new TypeError(`CronPattern: ${quote(cron)} is not a cron expression.`)
  // 'no-wildcard' makes every pattern of plain numbers, lists and ranges a fixed time, as the policy above says.
  const compiled = new Cron(cron, { paused: true, timezone: timeZone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
  return (after) => compiled.nextRun(new Date(Math.floor(after / SECOND_MS) * SECOND_MS))?.getTime() ?? null
}

/** The first tick strictly after `after` (epoch ms). For many ticks of one rule, compile it. @throws {SCHEDULE_INVALID} when there is none */
export const nextTick = (rule: TickRule, after: number): number => certain(compileRule(rule)(after), rule)

// Patterns have no year, so a rule that `validateRule` takes ticks again until the calendar itself ends.
function certain(instant: number | null, { cron }: TickRule): number {
  if (instant !== null) return instant
  throw new KerjaError('SCHEDULE_INVALID', `The cron expression ${quote(cron)} never ticks again. Check its day and month.`, { details: { cron } })
}

export interface TickPlanInput {
  readonly rule: TickRule
  /** The first tick not dealt with yet. */
  readonly nextAt: number
  readonly now: number
  /** `skip`: nothing for ticks missed. `once`: one for all of them, the last. `all`: each. */
  readonly missed: 'skip' | 'once' | 'all'
  /** Most instants to plan at once, from 1. */
  readonly limit: number
}

export interface TickPlan {
  /** Ticks to make jobs of now, in order. */
  readonly instants: readonly number[]
  /** The first tick not dealt with after this plan; not after `now` when `limit` cut the plan short. */
  readonly nextAt: number
}

/**
 * What to do about the ticks from `nextAt` up to and including `now`. `once` and `skip` keep the last one; `skip` only when it is not late.
 * @throws {SCHEDULE_INVALID} when the rule never ticks again
 */
export function planTicks({ rule, nextAt, now, missed, limit }: TickPlanInput): TickPlan {
  if (nextAt > now || limit < 1) return { instants: [], nextAt }
  const next = compileRule(rule)
  if (missed === 'all') {
    const { instants, following } = ticksUpTo(next, { from: nextAt, now, limit })
    return { instants, nextAt: certain(following, rule) }
  }
  const last = lastTick(next, nextAt, now)
  const wanted = last !== null && (missed === 'once' || last > now - missedToleranceMs)
  return { instants: wanted ? [last] : [], nextAt: certain(next(now), rule) }
}

type Next = (after: number) => number | null

interface TickRange {
  readonly from: number
  readonly now: number
  readonly limit: number
}

function ticksUpTo(next: Next, { from, now, limit }: TickRange): { readonly instants: readonly number[]; readonly following: number | null } {
  const instants: number[] = []
  let instant = next(from - 1)
  while (instant !== null && instant <= now && instants.length < limit) {
    instants.push(instant)
    instant = next(instant)
  }
  return { instants, following: instant }
}

/** The last tick in [from, now], or null. Asks some fifty times however many ticks there were: walking through two weeks of minutes would take seconds. */
function lastTick(next: Next, from: number, now: number): number | null {
  const ticksAfter = (instant: number): boolean => {
    const tick = next(instant)
    return tick !== null && tick <= now
  }
  if (!ticksAfter(from - 1)) return null
  // Steps back in doubling strides until a tick lies ahead; from - 1 is sure to have one.
  let span = SECOND_MS
  while (now - span > from - 1 && !ticksAfter(now - span)) span *= 2
  let before = Math.max(from - 1, now - span)
  let beyond = now
  // Invariant: a tick lies in (before, now], none in (beyond, now]. Ticks are whole seconds, so a gap of one second holds exactly the last.
  while (beyond - before > SECOND_MS) {
    const middle = Math.floor((before + beyond) / 2)
    if (ticksAfter(middle)) before = middle
    else beyond = middle
  }
  return next(before)
}

function isTimeZone(timeZone: unknown): boolean {
  if (typeof timeZone !== 'string' || timeZone.length > timeZoneCharactersMax || !ZONE_NAME.test(timeZone)) return false
  try {
    new Intl.DateTimeFormat('en-US', { timeZone })
    return true
  } catch {
    // A RangeError is how Intl says no.
    return false
  }
}
