/** The one place where what callers say when they enqueue, await or change a job is checked and meets its defaults. */
import { type Duration, parseDuration } from '../core/duration.js'
import { isUuid } from '../core/id.js'
import { checkKey, checkName, checkWord } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { PRIORITIES, type PriorityRank, rankOf } from '../core/state.js'
import { rejectUnknown } from '../core/suggest.js'
import { type AnyJob, checkMaxAttempts, type EnqueueOptions, resolveGiveUpAfter } from '../define/job.js'
import { KerjaError, quote } from '../errors.js'

const ENQUEUE_OPTIONS: readonly (keyof EnqueueOptions)[] = [
  'delay', 'runAt', 'priority', 'maxAttempts', 'giveUpAfter', 'startWithin', 'queue', 'group', 'idempotencyKey', 'tags', 'id', 'tx',
] // biome-ignore format: a list of words

/** 9999-12-31T23:59:59.999Z: the last instant that four-digit years can write. */
const INSTANT_MAX = 253_402_300_799_999
const NO_TAGS: readonly string[] = Object.freeze([])

/** Enqueue options with the definition's and Kerja's defaults filled in. */
export interface ResolvedEnqueueOptions {
  /** The caller's own id, or null. */
  readonly id: string | null
  readonly delayMs: number
  readonly runAt: number | null
  readonly priority: PriorityRank
  readonly maxAttempts: number
  readonly giveUpAfterMs: number | null
  readonly startWithinMs: number | null
  readonly queue: string
  /** The caller's group, or null for the definition's. */
  readonly group: string | null
  readonly idempotencyKey: string | null
  readonly tags: readonly string[]
}

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveEnqueueOptions(job: AnyJob, options: EnqueueOptions | undefined): ResolvedEnqueueOptions {
  if (options === undefined) return definitionDefaults(job)
  rejectUnknown(options, ENQUEUE_OPTIONS, `enqueueing ${job.kind}`)
  if (options.delay !== undefined && options.runAt !== undefined) {
    throw new KerjaError('OPTION_INVALID', `Give ${job.kind} either delay or runAt, not both: each says when the first start is.`)
  }
  return {
    id: options.id === undefined ? null : checkId(options.id, 'id'),
    delayMs: options.delay === undefined ? 0 : parseDuration(options.delay, 'delay'),
    runAt: options.runAt === undefined ? null : checkInstant(options.runAt, 'runAt'),
    priority: options.priority === undefined ? rankOf(job.options.priority) : checkPriority(options.priority),
    maxAttempts: options.maxAttempts === undefined ? job.options.maxAttempts : checkMaxAttempts(options.maxAttempts),
    giveUpAfterMs: options.giveUpAfter === undefined ? job.options.giveUpAfterMs : resolveGiveUpAfter(options.giveUpAfter),
    startWithinMs: options.startWithin === undefined ? null : parseDuration(options.startWithin, 'startWithin', { minMs: 1 }),
    queue: options.queue === undefined ? job.queue : checkName(options.queue, 'queue'),
    group: options.group === undefined ? null : checkKey(options.group, 'group'),
    idempotencyKey: options.idempotencyKey === undefined ? null : checkKey(options.idempotencyKey, 'idempotencyKey'),
    tags: options.tags === undefined ? NO_TAGS : checkTags(options.tags),
  }
}

const definitionDefaults = (job: AnyJob): ResolvedEnqueueOptions => ({
  id: null,
  delayMs: 0,
  runAt: null,
  priority: rankOf(job.options.priority),
  maxAttempts: job.options.maxAttempts,
  giveUpAfterMs: job.options.giveUpAfterMs,
  startWithinMs: null,
  queue: job.queue,
  group: null,
  idempotencyKey: null,
  tags: NO_TAGS,
})

/** @throws {OPTION_INVALID} */
export const checkPriority = (value: unknown): PriorityRank => rankOf(checkWord(value, 'priority', PRIORITIES))

/** A UUID in lower case; one in upper case is the same id. @throws {OPTION_INVALID} */
export function checkId(value: unknown, option: string): string {
  const id = typeof value === 'string' ? value.toLowerCase() : value
  if (isUuid(id)) return id
  throw new KerjaError('OPTION_INVALID', `${option} must be a job id (a UUID, as in receipt.id); got ${quote(value)}.`, { details: { option } })
}

/** A Date, or epoch milliseconds whose fraction is dropped, from the years 1970 to 9999. @throws {OPTION_INVALID} */
export function checkInstant(value: unknown, option: string): number {
  const instant = value instanceof Date ? value.getTime() : value
  if (typeof instant === 'number' && instant >= 0 && instant <= INSTANT_MAX) return Math.trunc(instant)
  throw new KerjaError(
    'OPTION_INVALID',
    `${option} must be a valid Date or epoch milliseconds from the years 1970 to 9999; got ${value instanceof Date ? 'a Date of ' : ''}${
      typeof instant === 'number' ? String(instant) : quote(value)
    }.`,
    { details: { option } },
  )
}

/** At most 20 different tags. @throws {OPTION_INVALID} */
export function checkTags(value: unknown): readonly string[] {
  const { tagsMax } = DEFAULTS.names
  if (!Array.isArray(value) || value.length > tagsMax) {
    const got = Array.isArray(value) ? `${value.length} of them` : quote(value)
    throw new KerjaError('OPTION_INVALID', `tags must be an array of at most ${tagsMax} words; got ${got}.`, { details: { option: 'tags' } })
  }
  // Array.from visits the holes of a sparse array too.
  return [...new Set(Array.from(value, (tag) => checkKey(tag, 'tags')))]
}

/** @throws {OPTION_INVALID} */
export function checkObject(value: unknown, what: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new KerjaError('OPTION_INVALID', `${what} must be an object; got ${quote(value)}.`)
}

/** A value made by `defineJob`. @throws {OPTION_INVALID} */
export function checkJob(job: AnyJob): void {
  // The schema may be an object or, as arktype's, a function.
  if (typeof job === 'object' && job !== null && typeof job.kind === 'string' && typeof job.options === 'object' && job.payload !== undefined) return
  throw new KerjaError('OPTION_INVALID', `A job must be one made by defineJob(…); got ${quote(job)}.`)
}

export interface AwaitOptions {
  /** How long to wait for the job to end. @default '30s' */
  readonly timeout?: Duration
  /** Ends the waiting with the signal's reason. The job goes on. */
  readonly signal?: AbortSignal
}

/** @throws {OPTION_UNKNOWN} {OPTION_INVALID} */
export function resolveAwaitOptions(options: AwaitOptions, where: string): { readonly timeoutMs: number; readonly signal: AbortSignal | null } {
  rejectUnknown(options, ['timeout', 'signal'], where)
  const { timeout = DEFAULTS.watch.resultTimeoutMs, signal } = options
  return { timeoutMs: parseDuration(timeout, 'timeout'), signal: checkSignal(signal) }
}

/** @throws {OPTION_INVALID} */
export function checkSignal(signal: unknown): AbortSignal | null {
  if (signal === undefined) return null
  if (signal instanceof AbortSignal) return signal
  throw new KerjaError('OPTION_INVALID', `signal must be an AbortSignal; got ${quote(signal)}.`, { details: { option: 'signal' } })
}
