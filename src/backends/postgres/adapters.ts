/**
 * How a statement is run in the caller's own transaction, whichever library opened it. Each library is known by its shape, so that none is imported.
 *
 * A statement comes complete, without parameters: libraries differ in how they bind and cast these. It answers rows of one column, `row`.
 */
import { KerjaError } from '../../errors.js'

/** Runs one statement in the caller's transaction; the rows as the library gives them. */
export type ExecuteSql = (text: string) => Promise<unknown>

type Shape = Readonly<Record<string, unknown>>

interface Adapter {
  readonly library: string
  readonly fits: (tx: Shape) => boolean
  /** What is wrong with it when it has the library's shape and is no open transaction; null when nothing is. */
  readonly refuse: (tx: Shape) => string | null
  readonly execute: (tx: never) => ExecuteSql
}

const has = (tx: Shape, ...names: readonly string[]): boolean => names.every((name) => typeof tx[name] === 'function')

const ADAPTERS: readonly Adapter[] = [
  {
    library: 'Kysely',
    fits: (tx) => has(tx, 'executeQuery', 'selectFrom'),
    refuse: (tx) => (tx.isTransaction === true ? null : 'Pass the `trx` of `db.transaction().execute(async (trx) => …)`.'),
    execute: (tx: { executeQuery(query: unknown): Promise<unknown> }) => (text) => tx.executeQuery(compiledQueryOf(text)),
  },
  {
    library: 'Knex',
    fits: (tx) => has(tx, 'raw', 'transaction') && 'isTransaction' in tx,
    refuse: (tx) => {
      if (tx.isTransaction !== true) return 'Pass the `trx` of `knex.transaction(async (trx) => …)`.'
      return has(tx, 'isCompleted') && (tx.isCompleted as () => boolean)() ? 'It was committed or rolled back already.' : null
    },
    execute: (tx: { raw(text: string): PromiseLike<unknown> }) => async (text) => tx.raw(text),
  },
  {
    library: 'TypeORM',
    fits: (tx) => has(tx, 'query') && ('isTransactionActive' in tx || 'queryRunner' in tx),
    refuse: (tx) => {
      const runner = ('isTransactionActive' in tx ? tx : tx.queryRunner) as Shape | null | undefined
      return runner?.isTransactionActive === true
        ? null
        : 'Pass the manager of `dataSource.transaction(async (manager) => …)`, or a query runner with an open transaction.'
    },
    execute: (tx: { query(text: string): Promise<unknown> }) => (text) => tx.query(text),
  },
  {
    library: 'Prisma',
    fits: (tx) => has(tx, '$queryRawUnsafe'),
    refuse: (tx) => (has(tx, '$connect') ? 'Pass the `tx` of `prisma.$transaction(async (tx) => …)`.' : null),
    execute: (tx: { $queryRawUnsafe(text: string): Promise<unknown> }) => (text) => tx.$queryRawUnsafe(text),
  },
  {
    library: 'Drizzle',
    fits: (tx) => has(tx, 'execute', 'transaction', 'select'),
    refuse: (tx) => (has(tx, 'rollback') ? null : 'Pass the `tx` of `db.transaction(async (tx) => …)`.'),
    execute: (tx: { execute(text: string): Promise<unknown> }) => async (text) => tx.execute(text),
  },
  {
    library: 'postgres.js',
    fits: (tx) => has(tx, 'unsafe'),
    refuse: (tx) => (has(tx, 'savepoint') || (has(tx, 'release') && !has(tx, 'begin')) ? null : 'Pass the `sql` of `sql.begin(async (sql) => …)`.'),
    execute: (tx: { unsafe(text: string): PromiseLike<unknown> }) => async (text) => tx.unsafe(text),
  },
  {
    library: 'pg',
    fits: (tx) => has(tx, 'query'),
    refuse: (tx) => {
      if ('totalCount' in tx && 'idleCount' in tx)
        return 'A pool runs each statement on whichever connection is free: take one with `await pool.connect()`, and `BEGIN` on it.'
      return has(tx, 'escapeIdentifier') || has(tx, 'release') ? null : 'Pass a `Client` on which `BEGIN` was run.'
    },
    execute: (tx: { query(text: string): Promise<unknown> }) => (text) => tx.query(text),
  },
]

const KNOWN = 'Pass an open transaction of pg, postgres.js, Knex, Kysely, Drizzle, Prisma or TypeORM.'

/** @throws {TRANSACTION_INVALID} */
export function executeIn(tx: unknown): ExecuteSql {
  if ((typeof tx !== 'object' && typeof tx !== 'function') || tx === null)
    throw new KerjaError('TRANSACTION_INVALID', `\`tx\` is no transaction. ${KNOWN}`)
  const shape = tx as Shape
  const adapter = ADAPTERS.find(({ fits }) => fits(shape))
  if (adapter === undefined) throw new KerjaError('TRANSACTION_INVALID', `\`tx\` is nothing that Kerja knows. ${KNOWN}`)
  const wrong = adapter.refuse(shape)
  if (wrong !== null) throw new KerjaError('TRANSACTION_INVALID', `\`tx\` is of ${adapter.library} but no open transaction. ${wrong}`)
  return adapter.execute(tx as never)
}

/** The first column of the first row, as text. Libraries answer an array of rows, or an object with `rows`. */
export function textsOf(result: unknown): string[] {
  const rows = (Array.isArray(result) ? result : ((result as { readonly rows?: unknown } | null)?.rows ?? [])) as readonly { readonly row: string }[]
  return [...rows].map(({ row }) => row)
}

/** What `CompiledQuery.raw(text)` of Kysely makes. */
function compiledQueryOf(text: string): unknown {
  const query = Object.freeze({ kind: 'RawNode', sqlFragments: Object.freeze([text]), parameters: Object.freeze([]) })
  return Object.freeze({
    sql: text,
    query,
    parameters: Object.freeze([]),
    queryId: Object.freeze({ queryId: `kerja-${Math.random().toString(36).slice(2)}` }),
  })
}
