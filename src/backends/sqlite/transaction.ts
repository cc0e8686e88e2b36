/** Work inside the caller's own transaction: checks that the handle is what it must be, and runs pushes and settlements on it at once. */
import { realpathSync } from 'node:fs'
import { clockFrom } from '../../contract/clock.js'
import type { NewJob, PushResult, Settlement, SettleResult } from '../../contract/job.js'
import { KerjaError } from '../../errors.js'
import type { StoreContext } from './context.js'
import { createCounters } from './counters.js'
import { type Driver, type DriverName, loadDriver, type RawDatabase, wrapDatabase } from './driver.js'
import { createEnded } from './ended.js'
import { faultOf } from './faults.js'
import { createLanes } from './lanes.js'
import { SCHEMA_VERSION, schemaVersionOf } from './migrate.js'
import { realPathOf, type StoreConfig } from './options.js'
import { createPush } from './push.js'
import { createSequence } from './sequence.js'
import { createSettle } from './settle.js'
import {
  decodePushResults,
  decodeSettleResults,
  encodeJobs,
  encodeSettlement,
  type WireJob,
  type WirePushResult,
  type WireSettlement,
  type WireSettleResults,
} from './wire.js'

export interface Transactions {
  /** @throws {TRANSACTION_INVALID} {BACKEND_UNAVAILABLE} {STORE_…} */
  push(tx: unknown, jobs: readonly NewJob[]): PushResult[]
  /** @throws {TRANSACTION_INVALID} {BACKEND_UNAVAILABLE} {STORE_…} */
  settle(tx: unknown, settlements: readonly Settlement[]): readonly SettleResult[]
}

/** A handle that passed the checks which cannot change, with statements prepared on it. */
interface Attached {
  readonly context: StoreContext
  push(jobs: readonly WireJob[]): WirePushResult[]
  settle(settlements: readonly WireSettlement[]): WireSettleResults
  /** Between calls the caller's transaction may end either way: nothing is carried over. */
  forget(): void
}

const SAVEPOINT = 'kerja_call'

const refuse = (what: string, remedy: string): KerjaError => new KerjaError('TRANSACTION_INVALID', `\`tx\` ${what}. ${remedy}`)

export function createTransactions(config: StoreConfig): Transactions {
  const attached = new WeakMap<object, Attached>()
  let driver: Driver | undefined

  function attach(tx: unknown): Attached {
    driver ??= loadDriver(config.driver, config.allowUnsafeSqlite)
    const handle = handleOf(tx, driver)
    let known = attached.get(handle)
    if (known === undefined) {
      known = prepare(handle, driver, config)
      attached.set(handle, known)
    }
    if (!known.context.connection.inTransaction())
      throw refuse(
        'is a database handle with no open transaction',
        'Call inside the function given to `db.transaction(…)`, or after `BEGIN IMMEDIATE`.',
      )
    return known
  }

  /** What a call wrote before it failed is undone; the caller's own writes stay. */
  function within<T>(tx: unknown, action: (attached: Attached) => T): T {
    try {
      const found = attach(tx)
      const { connection } = found.context
      connection.exec(`SAVEPOINT ${SAVEPOINT}`)
      try {
        const result = action(found)
        connection.exec(`RELEASE ${SAVEPOINT}`)
        return result
      } catch (error) {
        if (connection.inTransaction()) connection.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
        throw error
      } finally {
        found.forget()
      }
    } catch (error) {
      throw faultOf(error, config.path)
    }
  }

  return {
    push: (tx, jobs) =>
      decodePushResults(
        within(tx, (found) => found.push(encodeJobs(jobs))),
        jobs.map(({ id }) => id),
      ),
    settle: (tx, settlements) => within(tx, (found) => decodeSettleResults(found.settle(settlements.map(encodeSettlement)), settlements)),
  }
}

function handleOf(tx: unknown, driver: Driver): RawDatabase {
  const given = kindOf(tx)
  if (given === null)
    throw refuse(
      'is neither a better-sqlite3 Database nor a node:sqlite DatabaseSync',
      'Pass the handle on which your transaction is open, not a pool, a URL or a query builder.',
    )
  if (given !== driver.name)
    throw refuse(
      `is a handle of ${given}, but Kerja uses ${driver.name}`,
      `Two SQLite libraries on one file in one process lose each other's locks: open Kerja with { driver: '${given}' }.`,
    )
  return tx as RawDatabase
}

function kindOf(tx: unknown): DriverName | null {
  if (typeof tx !== 'object' || tx === null) return null
  const { prepare, exec, pragma, transaction } = tx as Record<string, unknown>
  if (typeof prepare !== 'function' || typeof exec !== 'function') return null
  if (typeof pragma === 'function' && typeof transaction === 'function') return 'better-sqlite3'
  return tx.constructor.name === 'DatabaseSync' ? 'node:sqlite' : null
}

function prepare(handle: RawDatabase, driver: Driver, config: StoreConfig): Attached {
  const connection = wrapDatabase(handle, driver.name)
  const sourceId = connection.prepare<[string]>('SELECT sqlite_source_id()').row()?.[0]
  if (sourceId !== driver.sourceId)
    throw refuse(
      'comes from another SQLite build than Kerja’s',
      `Two builds on one file in one process lose each other's locks: keep one copy of ${driver.name} (\`npm dedupe\`).`,
    )
  const [, , file] = connection
    .prepare<[number, string, string]>('PRAGMA database_list')
    .rows()
    .find(([, name]) => name === 'main') ?? [0, '', '']
  const path = realPathOf(config.path)
  if (file === '' || realpathSync(file) !== path)
    throw refuse(`is open on ${file === '' ? 'a database in memory' : file}`, `Kerja's jobs are in ${path}: open the handle on that file.`)
  checkSchema(connection, path)
  const clock = clockFrom(config.clockBuffer)
  // Nothing is cached: lanes seen in this transaction may be rolled back with it.
  const context: StoreContext = {
    path,
    connection,
    lanes: createLanes(connection, { cache: false }),
    sequence: createSequence(connection),
    effects: { available: false, changed: false },
    now: () => clock.now(),
  }
  const counters = createCounters(context)
  const ended = createEnded(context)
  const push = createPush(context)
  const settle = createSettle(context, push, counters, ended)
  const written = <T>(results: T): T => {
    counters.flush()
    ended.flush()
    context.sequence.flush()
    return results
  }
  return {
    context,
    push: (jobs) => written(push(jobs)),
    settle: (settlements) => written(settle(settlements)),
    forget() {
      counters.forget()
      ended.forget()
      context.sequence.forget()
    },
  }
}

function checkSchema(connection: StoreContext['connection'], path: string): void {
  const version = schemaVersionOf(connection)
  if (version < SCHEMA_VERSION)
    throw new KerjaError(
      'BACKEND_UNAVAILABLE',
      `${path} does not have Kerja's tables yet. \`await kerja.migrate()\` once at start, before the first transaction that enqueues.`,
    )
  if (version > SCHEMA_VERSION)
    throw new KerjaError(
      'STORE_VERSION',
      `${path} has schema version ${version}; this version of Kerja knows up to ${SCHEMA_VERSION}. Update the kerja package in this process.`,
    )
}
