/**
 * Work inside the caller's own transaction: checks that it is one, of this very database, runs pushes and settlements in it, and tells workers
 * once it has committed. The NOTIFY is not sent within it: that takes a lock of the whole server at the caller's commit.
 */
import type { NewJob, PushOutcome, Settlement, SettleResult } from '../../contract/job.js'
import { isKerjaError, KerjaError } from '../../errors.js'
import { type ExecuteSql, executeIn, textsOf } from './adapters.js'
import { createCommitWatch } from './commit-watch.js'
import { faultOf, isSpent, sqlstateOf } from './faults.js'
import type { Lanes } from './lanes.js'
import type { WakeKind } from './listeners.js'
import { STORE_MARK } from './migrate.js'
import { locationOf, quoteLiteral, type StoreConfig } from './options.js'
import { createQueue } from './queue.js'
import type { Session } from './session.js'

export interface Transactions {
  /** @throws {TRANSACTION_INVALID} {BACKEND_UNAVAILABLE} {STORE_…} */
  push(tx: unknown, jobs: readonly NewJob[]): Promise<readonly PushOutcome[]>
  /** @throws {TRANSACTION_INVALID} {BACKEND_UNAVAILABLE} {STORE_…} */
  settle(tx: unknown, settlements: readonly Settlement[]): Promise<readonly SettleResult[]>
}

export interface TransactionsOptions {
  readonly config: StoreConfig
  readonly session: Session
  readonly wake: (kind: WakeKind) => void
  /** Those of the main queue: one that is made in the caller's transaction would keep others who push to it waiting until that ends. */
  readonly lanes: Lanes
}

/** What a transaction says of itself. */
interface Standing {
  readonly open: boolean
  readonly read_only: boolean
  readonly store: string | null
  readonly xid: string | null
}

const refuse = (what: string, remedy: string, cause?: unknown): KerjaError =>
  new KerjaError('TRANSACTION_INVALID', `\`tx\` ${what}. ${remedy}`, { cause })

export function createTransactions({ config, session, wake, lanes }: TransactionsOptions): Transactions {
  const location = locationOf(config)
  const commits = createCommitWatch(session)
  let ownStore: string | undefined

  /** The mark that the migration left: two databases never share one. */
  async function storeOf(): Promise<string> {
    if (ownStore === undefined) {
      const [row] = await session.query<[string | null]>(`SELECT ${markSql(session.schema)}`, [])
      ownStore = row?.[0] ?? ''
    }
    return ownStore
  }

  async function join(tx: unknown): Promise<{ readonly execute: ExecuteSql; readonly xid: string }> {
    const execute = executeIn(tx)
    const store = await storeOf()
    const standing = await standingOf(execute, session.schema, location)
    if (!standing.open)
      throw refuse('has no open transaction: each of its statements is committed alone', 'Begin one, and pass what runs its statements.')
    if (standing.read_only) throw refuse('is read-only', 'Begin it READ WRITE, on the primary.')
    if (standing.store !== store || !store.startsWith(STORE_MARK))
      throw refuse('is of another database', `Kerja's jobs are in ${location}: begin it there.`)
    return { execute, xid: standing.xid as string }
  }

  async function within<T>(tx: unknown, kinds: readonly WakeKind[], act: (own: Session) => Promise<T>): Promise<T> {
    const { execute, xid } = await join(tx)
    const result = await act(sessionIn(execute, session, location))
    commits.watch(xid, () => kinds.forEach(wake))
    return result
  }

  const queueOf = (own: Session) => createQueue(own, { wake: () => undefined }, lanes).queue

  return {
    async push(tx, jobs) {
      executeIn(tx)
      await lanes.ensure(jobs)
      return within(tx, ['available'], (own) => queueOf(own).push(jobs))
    },
    async settle(tx, settlements) {
      executeIn(tx)
      await lanes.ensure(settlements.flatMap((settlement) => (settlement.outcome === 'complete' ? settlement.enqueue : [])))
      return within(tx, ['available', 'changed'], (own) => queueOf(own).settle(settlements))
    },
  }
}

const markSql = (schema: string): string => `obj_description(to_regclass(${quoteLiteral(`${schema}.migrations`)}), 'pg_class')`

async function standingOf(execute: ExecuteSql, schema: string, location: string): Promise<Standing> {
  // Outside a transaction a statement is one of its own, and begins when it does.
  const text = `SELECT now() <> statement_timestamp() AS open, current_setting('transaction_read_only')::bool AS read_only, ${markSql(schema)} AS store,
    CASE WHEN current_setting('transaction_read_only')::bool THEN NULL ELSE pg_current_xact_id()::text END AS xid`
  try {
    return JSON.parse(textsOf(await execute(wrap(text)))[0] as string) as Standing
  } catch (error) {
    throw callersFault(error, location)
  }
}

/** The caller's transaction as a session: one statement at a time, parameters written out, answers as JSON that no library's own parsers touch. */
function sessionIn(execute: ExecuteSql, { schema, now, close }: Session, location: string): Session {
  let tail: Promise<unknown> = Promise.resolve()
  async function run<Row extends readonly unknown[]>(text: string): Promise<Row[]> {
    try {
      // The caller of `query` says which columns it asked for.
      return textsOf(await execute(wrap(text))).map((row) => Object.values(JSON.parse(row) as object) as unknown as Row)
    } catch (error) {
      throw callersFault(error, location)
    }
  }
  return {
    schema,
    now,
    close,
    query<Row extends readonly unknown[]>(text: string, values: readonly unknown[]) {
      const asked = tail.then(() => run<Row>(inline(text, values)))
      tail = asked.catch(() => undefined)
      return asked
    },
  }
}

const wrap = (text: string): string => `SELECT row_to_json(q)::text AS row FROM (${text}) q`

const inline = (text: string, values: readonly unknown[]): string =>
  text.replace(/\$(\d+)/g, (_, position: string) => literalOf(values[Number(position) - 1]))

/** Of no type yet, so that it takes the one it is used as. A `?` or `:name` would be a parameter to some libraries. */
function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  const text = Array.isArray(value) ? arrayTextOf(value) : String(value)
  return ` E'${text.replace(/[\\'?:${}]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`)}'`
}

const arrayTextOf = (values: readonly unknown[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`

/** What failed on the caller's connection: it is gone, or the transaction was of no use to begin with. */
function callersFault(error: unknown, location: string): KerjaError {
  if (isKerjaError(error)) return error
  const state = sqlstateOf(error)
  if (state === null && isSpent(error)) return refuse('cannot be used any more', 'Its connection was closed or released.', error)
  if (state === '25P02') return refuse('was aborted by an earlier error', 'Roll it back.', error)
  if (state === '25006') return refuse('is read-only', 'Begin it READ WRITE, on the primary.', error)
  return faultOf(error, location)
}
