/** A job's definition: the one source of truth shared by web and worker. */
import type { BackoffPolicy } from '../core/backoff.js'
import { type Duration, parseDuration } from '../core/duration.js'
import { checkInteger, checkName, checkWord } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import type { Outcome } from '../core/outcome.js'
import { PRIORITIES, type Priority } from '../core/state.js'
import { rejectUnknown } from '../core/suggest.js'
import { KerjaError, quote } from '../errors.js'
import type { JobContext } from './context.js'
import type { InputOf, OutputOf, Schema } from './schema.js'

/** An open transaction of the application's own database. Pools are not transactions: they have no `prepare`. */
export interface TransactionHandle {
  prepare(sql: string): { all(...parameters: never[]): unknown[]; run(...parameters: never[]): unknown }
  exec(sql: string): unknown
}

export interface BackoffOptions {
  /** Wait after the first failed attempt. @default '5s' */
  readonly first?: Duration
  /** Each further wait is this many times longer, from 1 to 100. @default 2 */
  readonly factor?: number
  /** The longest wait. @default '1h' */
  readonly max?: Duration
  /** `full`: anywhere between 0 and the wait; `equal`: between half and all of it. @default 'full' */
  readonly jitter?: 'full' | 'equal' | 'none'
}

export interface UniqueOptions<Output> {
  /** At most one job of this kind per key. */
  readonly key: (payload: Output) => string
  /** `waiting`: one waits while another may run; `live`: one waits or runs. @default 'live' */
  readonly while?: 'waiting' | 'live'
  /** `skip` answers with the job that is there; `replace` gives that waiting job the new payload; `reject` throws UNIQUE_CONFLICT. @default 'skip' */
  readonly whenTaken?: 'skip' | 'replace' | 'reject'
  /** Each enqueue under the key moves the start to this long from now: a burst becomes its last member. Implies `whenTaken: 'replace'`. */
  readonly debounce?: Duration
}

export interface JobSpec<Kind extends string, Payload extends Schema, Result extends Schema, Queue extends string> {
  /** The stable name that ties stored jobs to this definition. Renaming it orphans jobs already stored. */
  readonly kind: Kind
  /** What the job is given: any Standard Schema, or `type<T>()`. */
  readonly payload: Payload
  /** What the handler returns, if anything. */
  readonly result?: Result
  /** Raise it when the payload changes shape. Workers claim only versions up to theirs. @default 1 */
  readonly version?: number
  /** Turns a payload of an older version into this version's. Without it older payloads are parsed as they are. */
  readonly upgrade?: (old: Readonly<Record<string, unknown>>, from: number) => unknown
  /** @default 'default' */
  readonly queue?: Queue
  /** @default 'normal' */
  readonly priority?: Priority
  /** Counts the first run. 1 means at most one start: it is never re-run. From 1 to 1,000. @default 10 */
  readonly maxAttempts?: number
  readonly backoff?: BackoffOptions
  /** One attempt. `'never'` lets a hung handler hold its job for ever. @default '15m' */
  readonly timeout?: Duration | 'never'
  /** All attempts together, from enqueue. @default 'never' */
  readonly giveUpAfter?: Duration | 'never'
  /** The tenant on which limits and fairness act. */
  readonly group?: (payload: OutputOf<Payload>) => string
  readonly unique?: UniqueOptions<OutputOf<Payload>>
  readonly retention?: {
    /** How long completed jobs stay listed. @default '1d' */
    readonly completed?: Duration
    /** How long failed and cancelled jobs stay listed. @default '30d' */
    readonly failed?: Duration
  }
}

/** A spec with its defaults filled in. */
export interface ResolvedJobOptions<Output = unknown> {
  readonly priority: Priority
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
  /** null is never. */
  readonly timeoutMs: number | null
  /** null is never. */
  readonly giveUpAfterMs: number | null
  readonly group: ((payload: Output) => string) | null
  readonly unique: {
    readonly key: (payload: Output) => string
    readonly scope: 'waiting' | 'live'
    readonly whenTaken: 'skip' | 'replace' | 'reject'
    readonly debounceMs: number | null
  } | null
  readonly completedRetentionMs: number
  readonly failedRetentionMs: number
}

export interface EnqueueOptions {
  /** Wait before the first start. Not with `runAt`. */
  readonly delay?: Duration
  /** The instant of the first start, judged by the store's clock. Not with `delay`. */
  readonly runAt?: Date | number
  readonly priority?: Priority
  readonly maxAttempts?: number
  /** All attempts together, from now; passed: `failed`. */
  readonly giveUpAfter?: Duration | 'never'
  /** Not started within this: `cancelled`, reason `expired`. */
  readonly startWithin?: Duration
  /** Another queue than the definition's. */
  readonly queue?: string
  /** Overrides the definition's `group`. */
  readonly group?: string
  /** Same kind and key within 7 days: the same job. */
  readonly idempotencyKey?: string
  /** Words to find it by; at most 20. */
  readonly tags?: readonly string[]
  /** A UUIDv7 of your own: to enqueue again after an unknown outcome (`ENQUEUE_TIMEOUT`), so that it merges. */
  readonly id?: string
  /** Your open transaction: the job exists exactly when you commit. */
  readonly tx?: TransactionHandle
}

/** A job with its payload, ready for `enqueueMany` and schedules. */
export interface JobRequest<J extends AnyJob = AnyJob> {
  readonly job: J
  readonly payload: PayloadOf<J>
  readonly options: Omit<EnqueueOptions, 'tx'>
}

export type HandlerFunction<Output, Result> = (payload: Output, ctx: JobContext<Result>) => Result | Outcome | Promise<Result | Outcome>

export interface HandlerOptions<Result = unknown> {
  /** Retry policy by error class: return an outcome to decide, nothing for the job's own policy. */
  readonly onError?: (error: unknown, ctx: JobContext<Result>) => Outcome | undefined
}

/** A definition with the function that runs it; give it to a worker. */
export interface Handler<Queue extends string = string> {
  readonly job: AnyJob & { readonly queue: Queue }
  readonly run: (payload: unknown, ctx: JobContext<never>) => unknown
  readonly onError: ((error: unknown, ctx: JobContext<never>) => Outcome | undefined) | null
}

/**
 * A defined job. The type names the payload and result themselves, not the schema library.
 * `Input` is what `enqueue` takes, `Output` what the handler gets, `Result` what the handler returns, `Returned` what `kerja.result` gives.
 */
export interface JobDefinition<Kind extends string, Input, Output, Result, Returned, Queue extends string> {
  readonly kind: Kind
  readonly queue: Queue
  readonly version: number
  readonly payload: Schema<Input, Output>
  readonly result: Schema<Result, Returned> | null
  readonly upgrade: ((old: Readonly<Record<string, unknown>>, from: number) => unknown) | null
  readonly options: ResolvedJobOptions<Output>
  /** Ties a payload to the job, for `enqueueMany` and schedules. */
  with(payload: Input, options?: Omit<EnqueueOptions, 'tx'>): JobRequest<JobDefinition<Kind, Input, Output, Result, Returned, Queue>>
  /** Ties the job to the function that runs it. */
  handle(run: HandlerFunction<Output, Result>, options?: HandlerOptions<Result>): Handler<Queue>
}

/** Any job, where the types do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where variance of payload types must be given up.
export type AnyJob = JobDefinition<string, any, any, any, any, string>
export type PayloadOf<J extends AnyJob> = J extends JobDefinition<string, infer Input, infer _O, infer _R, infer _T, string> ? Input : never
export type ReturnedOf<J extends AnyJob> = J extends JobDefinition<string, infer _I, infer _O, infer _R, infer Returned, string> ? Returned : never

const SPEC_OPTIONS = [
  'kind', 'payload', 'result', 'version', 'upgrade', 'queue', 'priority', 'maxAttempts', 'backoff', 'timeout', 'giveUpAfter', 'group', 'unique', 'retention',
] as const // biome-ignore format: a list of words

/**
 * Defines a job.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example
 * const welcome = defineJob({ kind: 'mail.welcome', payload: z.object({ to: z.email() }) })
 * await kerja.enqueue(welcome, { to: 'ana@example.com' })
 */
export function defineJob<
  const Kind extends string,
  Payload extends Schema,
  Result extends Schema = Schema<void, undefined>,
  const Queue extends string = 'default',
>(spec: JobSpec<Kind, Payload, Result, Queue>): JobDefinition<Kind, InputOf<Payload>, OutputOf<Payload>, InputOf<Result>, OutputOf<Result>, Queue> {
  const where = `defineJob({ kind: ${quote(spec?.kind)} })`
  if (typeof spec !== 'object' || spec === null)
    throw new KerjaError('OPTION_INVALID', `defineJob takes an object with kind and payload; got ${quote(spec)}.`)
  rejectUnknown(spec, SPEC_OPTIONS, where)
  const kind = checkName(spec.kind, 'kind') as Kind
  const definition: JobDefinition<Kind, InputOf<Payload>, OutputOf<Payload>, InputOf<Result>, OutputOf<Result>, Queue> = {
    kind,
    queue: checkName(spec.queue ?? DEFAULTS.job.queue, 'queue') as Queue,
    version: checkInteger(spec.version ?? DEFAULTS.job.version, 'version', { min: 1, max: 1_000_000 }),
    payload: checkSchema<InputOf<Payload>, OutputOf<Payload>>(spec.payload, 'payload', where),
    result: spec.result === undefined ? null : checkSchema<InputOf<Result>, OutputOf<Result>>(spec.result, 'result', where),
    upgrade: spec.upgrade === undefined ? null : checkFunction(spec.upgrade, 'upgrade', where),
    options: resolveJobOptions(spec, where),
    // The compiler cannot see that PayloadOf of this very definition is its Input.
    with: (payload, options = {}) => Object.freeze({ job: definition, payload, options }) as unknown as JobRequest<typeof definition>,
    handle: (run, options = {}) => {
      rejectUnknown(options, ['onError'], `${kind}.handle()`)
      checkFunction(run, 'handle', where)
      return Object.freeze({
        job: definition,
        run: run as Handler['run'],
        onError: options.onError === undefined ? null : (checkFunction(options.onError, 'onError', where) as Handler['onError']),
      })
    },
  }
  return Object.freeze(definition)
}

function resolveJobOptions<Payload extends Schema>(
  spec: JobSpec<string, Payload, Schema, string>,
  where: string,
): ResolvedJobOptions<OutputOf<Payload>> {
  const retention = spec.retention ?? {}
  rejectUnknown(retention, ['completed', 'failed'], `${where} retention`)
  return Object.freeze({
    priority: checkWord(spec.priority ?? DEFAULTS.job.priority, 'priority', PRIORITIES),
    maxAttempts: checkMaxAttempts(spec.maxAttempts ?? DEFAULTS.job.maxAttempts),
    backoff: resolveBackoff(spec.backoff ?? {}, where),
    timeoutMs: spec.timeout === 'never' ? null : parseDuration(spec.timeout ?? DEFAULTS.job.timeoutMs, 'timeout', { minMs: 1 }),
    giveUpAfterMs: resolveGiveUpAfter(spec.giveUpAfter),
    group: spec.group === undefined ? null : checkFunction(spec.group, 'group', where),
    unique: resolveUnique(spec.unique, where),
    completedRetentionMs: parseDuration(retention.completed ?? DEFAULTS.job.completedRetentionMs, 'retention.completed'),
    failedRetentionMs: parseDuration(retention.failed ?? DEFAULTS.job.failedRetentionMs, 'retention.failed'),
  })
}

/** @throws {OPTION_INVALID} */
export const checkMaxAttempts = (value: unknown): number => checkInteger(value, 'maxAttempts', { min: 1, max: 1_000 })

/** null is never. @throws {OPTION_INVALID} */
export const resolveGiveUpAfter = (value: Duration | 'never' | undefined): number | null =>
  value === undefined || value === 'never' ? null : parseDuration(value, 'giveUpAfter', { minMs: 1 })

function resolveBackoff(backoff: BackoffOptions, where: string): BackoffPolicy {
  rejectUnknown(backoff, ['first', 'factor', 'max', 'jitter'], `${where} backoff`)
  const { firstMs, factor, maxMs, jitter } = DEFAULTS.job.backoff
  const chosen = backoff.factor ?? factor
  if (typeof chosen !== 'number' || !(chosen >= 1 && chosen <= 100)) {
    throw new KerjaError('OPTION_INVALID', `backoff.factor must be a number from 1 to 100; got ${quote(chosen)}.`)
  }
  return Object.freeze({
    firstMs: parseDuration(backoff.first ?? firstMs, 'backoff.first'),
    factor: chosen,
    maxMs: parseDuration(backoff.max ?? maxMs, 'backoff.max'),
    jitter: checkWord(backoff.jitter ?? jitter, 'backoff.jitter', ['full', 'equal', 'none']),
  })
}

function resolveUnique<Output>(unique: UniqueOptions<Output> | undefined, where: string): ResolvedJobOptions<Output>['unique'] {
  if (unique === undefined) return null
  rejectUnknown(unique, ['key', 'while', 'whenTaken', 'debounce'], `${where} unique`)
  const debounceMs = unique.debounce === undefined ? null : parseDuration(unique.debounce, 'unique.debounce', { minMs: 1 })
  const whenTaken = checkWord(unique.whenTaken ?? (debounceMs === null ? 'skip' : 'replace'), 'unique.whenTaken', ['skip', 'replace', 'reject'])
  if (debounceMs !== null && whenTaken !== 'replace') {
    throw new KerjaError('OPTION_INVALID', `unique.debounce keeps the last of a burst, so whenTaken must be 'replace'; got ${quote(whenTaken)}.`)
  }
  return Object.freeze({
    key: checkFunction(unique.key, 'unique.key', where),
    scope: checkWord(unique.while ?? 'live', 'unique.while', ['waiting', 'live']),
    whenTaken,
    debounceMs,
  })
}

function checkSchema<Input, Output>(schema: unknown, option: string, where: string): Schema<Input, Output> {
  const standard = (schema as { '~standard'?: { validate?: unknown } } | null | undefined)?.['~standard']
  if (typeof standard?.validate === 'function') return schema as Schema<Input, Output>
  throw new KerjaError(
    'OPTION_INVALID',
    `${where}: ${option} must be a Standard Schema (zod 3.24+, valibot, arktype, …) or type<T>(); got ${quote(schema)}.`,
  )
}

// biome-ignore lint/suspicious/noExplicitAny: any function type is what this passes through.
function checkFunction<F extends (...parameters: any[]) => unknown>(value: F, option: string, where: string): F {
  if (typeof value === 'function') return value
  throw new KerjaError('OPTION_INVALID', `${where}: ${option} must be a function; got ${quote(value)}.`)
}
