/** A job's definition: the one source of truth shared by web and worker. */
import type { BackoffPolicy } from '../core/backoff.js'
import { type Duration, parseDuration } from '../core/duration.js'
import { checkInteger, checkName, checkWord } from '../core/names.js'
import { DEFAULTS } from '../core/options.js'
import { PRIORITIES } from '../core/state.js'
import { rejectUnknown } from '../core/suggest.js'
import { KerjaError, quote } from '../errors.js'
import type { BackoffOptions, Handler, JobDefinition, JobRequest, JobSpec, ResolvedJobOptions, UniqueOptions } from './definition.js'
import type { InputOf, OutputOf, Schema } from './schema.js'

export type * from './definition.js'

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
  rejectUnknown(spec, SPEC_OPTIONS, where)
  // Defaults stand in for what is not given only: null is a mistake, and is refused as one.
  const { queue = DEFAULTS.job.queue, version = DEFAULTS.job.version } = spec
  const kind = checkName(spec.kind, 'kind') as Kind
  const definition: JobDefinition<Kind, InputOf<Payload>, OutputOf<Payload>, InputOf<Result>, OutputOf<Result>, Queue> = {
    kind,
    queue: checkName(queue, 'queue') as Queue,
    version: checkInteger(version, 'version', { min: 1, max: 1_000_000 }),
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
  const {
    priority = DEFAULTS.job.priority,
    maxAttempts = DEFAULTS.job.maxAttempts,
    timeout = DEFAULTS.job.timeoutMs,
    backoff = {},
    retention = {},
  } = spec
  rejectUnknown(retention, ['completed', 'failed'], `${where} retention`)
  const { completed = DEFAULTS.job.completedRetentionMs, failed = DEFAULTS.job.failedRetentionMs } = retention
  return Object.freeze({
    priority: checkWord(priority, 'priority', PRIORITIES),
    maxAttempts: checkMaxAttempts(maxAttempts),
    backoff: resolveBackoff(backoff, where),
    timeoutMs: timeout === 'never' ? null : parseDuration(timeout, 'timeout', { minMs: 1 }),
    giveUpAfterMs: resolveGiveUpAfter(spec.giveUpAfter),
    group: spec.group === undefined ? null : checkFunction(spec.group, 'group', where),
    unique: resolveUnique(spec.unique, where),
    completedRetentionMs: parseDuration(completed, 'retention.completed'),
    failedRetentionMs: parseDuration(failed, 'retention.failed'),
  })
}

/** @throws {OPTION_INVALID} */
export const checkMaxAttempts = (value: unknown): number => checkInteger(value, 'maxAttempts', { min: 1, max: 1_000 })

/** null is never. @throws {OPTION_INVALID} */
export const resolveGiveUpAfter = (value: Duration | 'never' | undefined): number | null =>
  value === undefined || value === 'never' ? null : parseDuration(value, 'giveUpAfter', { minMs: 1 })

function resolveBackoff(backoff: BackoffOptions, where: string): BackoffPolicy {
  rejectUnknown(backoff, ['first', 'factor', 'max', 'jitter'], `${where} backoff`)
  const defaults = DEFAULTS.job.backoff
  const { first = defaults.firstMs, factor = defaults.factor, max = defaults.maxMs, jitter = defaults.jitter } = backoff
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    throw new KerjaError('OPTION_INVALID', `backoff.factor must be a number from 1 to 100; got ${quote(factor)}.`)
  }
  return Object.freeze({
    firstMs: parseDuration(first, 'backoff.first'),
    factor,
    maxMs: parseDuration(max, 'backoff.max'),
    jitter: checkWord(jitter, 'backoff.jitter', ['full', 'equal', 'none']),
  })
}

function resolveUnique<Output>(unique: UniqueOptions<Output> | undefined, where: string): ResolvedJobOptions<Output>['unique'] {
  if (unique === undefined) return null
  rejectUnknown(unique, ['key', 'while', 'whenTaken', 'debounce'], `${where} unique`)
  const debounceMs = unique.debounce === undefined ? null : parseDuration(unique.debounce, 'unique.debounce', { minMs: 1 })
  const { while: scope = 'live', whenTaken: taken = debounceMs === null ? 'skip' : 'replace' } = unique
  const whenTaken = checkWord(taken, 'unique.whenTaken', ['skip', 'replace', 'reject'])
  if (debounceMs !== null && whenTaken !== 'replace') {
    throw new KerjaError('OPTION_INVALID', `unique.debounce keeps the last of a burst, so whenTaken must be 'replace'; got ${quote(whenTaken)}.`)
  }
  return Object.freeze({
    key: checkFunction(unique.key, 'unique.key', where),
    scope: checkWord(scope, 'unique.while', ['waiting', 'live']),
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
