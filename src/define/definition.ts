/** What a definition is made of: the spec, what `enqueue` takes, what a handler gets. Types only, and they know each other. */
import type { BackoffPolicy } from '../core/backoff.js'
import type { Duration } from '../core/duration.js'
import type { Outcome } from '../core/outcome.js'
import type { Priority } from '../core/state.js'
import type { OutputOf, Schema } from './schema.js'

/**
 * An open transaction of the application, on the database that Kerja's jobs are in. Pools and root objects are left out: they run each statement
 * on whichever connection is free. Where types cannot tell, the call does (TRANSACTION_INVALID).
 */
export type TransactionHandle =
  | SqliteTransaction
  | PgTransaction
  | PostgresJsTransaction
  | KnexTransaction
  | KyselyTransaction
  | DrizzleTransaction
  | PrismaTransaction
  | TypeOrmManager
  | TypeOrmQueryRunner

/** Whatever its parameters are. */
type Method = (...given: never[]) => unknown

/** A better-sqlite3 or node:sqlite database with a transaction open. */
export interface SqliteTransaction {
  prepare(sql: string): { all(...parameters: never[]): unknown[]; run(...parameters: never[]): unknown }
  exec(sql: string): unknown
}

/** A client of pg on which `BEGIN` was run. */
export interface PgTransaction {
  readonly query: Method
  readonly escapeIdentifier: Method
}

/** The `sql` of `sql.begin(async (sql) => …)` of postgres.js. */
export interface PostgresJsTransaction {
  readonly unsafe: Method
  readonly savepoint: Method
}

/** The `trx` of `knex.transaction(async (trx) => …)`. */
export interface KnexTransaction {
  readonly raw: Method
  readonly commit: Method
  readonly rollback: Method
}

/** The `trx` of `db.transaction().execute(async (trx) => …)` of Kysely. */
export interface KyselyTransaction {
  readonly executeQuery: Method
  readonly isTransaction: true
}

/** The `tx` of `db.transaction(async (tx) => …)` of Drizzle on PostgreSQL. */
export interface DrizzleTransaction {
  readonly execute: Method
  readonly rollback: Method
}

/** The `tx` of `prisma.$transaction(async (tx) => …)`. */
export interface PrismaTransaction {
  readonly $queryRawUnsafe: Method
  readonly $connect?: never
}

/** The `manager` of `dataSource.transaction(async (manager) => …)` of TypeORM. */
export interface TypeOrmManager {
  readonly query: Method
  readonly getRepository: Method
  readonly manager?: never
}

/** A query runner of TypeORM with a transaction open. */
export interface TypeOrmQueryRunner {
  readonly query: Method
  readonly startTransaction: Method
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
  /** The tenant it belongs to: stored with the job, shown and filtered by. */
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

export interface JobLogger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** One run of one job. */
export interface JobContext<Result = unknown> {
  readonly id: string
  readonly kind: string
  readonly queue: string
  /** Number of this attempt, from 1. Snoozes, releases and refunded crashes do not count. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly group: string | null
  readonly tags: readonly string[]
  /** When the job was enqueued, by the store's clock. */
  readonly createdAt: Date
  /** The instant this run was due: the schedule's tick for scheduled jobs, else the run time. */
  readonly scheduledFor: Date
  /** Aborts on timeout, cancellation, loss of the lease and forced shutdown. Its `reason` is the coded error. */
  readonly signal: AbortSignal
  /** Lines kept with the job (`kerja jobs show`) and passed to the worker's logger. */
  readonly log: JobLogger
  /** From 0 to 1. Coalesced; the last one wins. Never throws. */
  progress(fraction: number, message?: string): void
  /** A key for a third party, the same in every run of this job: `(job, name)`. */
  idempotencyKey(name: string): string
  /** Enqueues now. The id is derived from this job, its payload and how often it was asked for, so a rerun does not double it. */
  enqueue<J extends AnyJob>(
    job: J,
    payload: PayloadOf<J>,
    options?: EnqueueOptions,
  ): Promise<{ readonly id: string; readonly duplicate: boolean | 'unknown' }>
  /** The job exists exactly when this one completes. */
  enqueueOnComplete<J extends AnyJob>(job: J, payload: PayloadOf<J>, options?: Omit<EnqueueOptions, 'tx'>): void
  /**
   * Completes with a result. With `tx` the completion joins your open transaction: it holds exactly when you commit. On SQLite it is written at
   * once, so it may be called inside a synchronous transaction function.
   */
  complete(result: Result, options?: { readonly tx?: TransactionHandle }): Outcome | Promise<Outcome>
  /** Runs again after `delay`; the attempt counts. */
  retry(delay: Duration): Outcome
  /** Runs again after `delay`; costs no attempt. */
  snooze(delay: Duration): Outcome
  /** Ends as `cancelled`. */
  cancel(reason: string): Outcome
  /** Ends as `failed`, without further attempts. */
  fail(reason: string): Outcome
}
