/** One small structural type over `node:sqlite` and `better-sqlite3`, and the gate that refuses SQLite builds known to corrupt WAL files. */
import { createRequire } from 'node:module'
import { KerjaError } from '../../errors.js'

export type DriverName = 'node:sqlite' | 'better-sqlite3'
export type SqlValue = string | number | bigint | null | Uint8Array

/** A prepared statement whose rows are arrays of columns. */
export interface Statement<Columns extends readonly unknown[] = readonly unknown[]> {
  /** Number of rows changed. */
  run(...values: SqlValue[]): number
  row(...values: SqlValue[]): Columns | undefined
  rows(...values: SqlValue[]): Columns[]
}

export interface Connection {
  readonly driver: DriverName
  exec(sql: string): void
  prepare<Columns extends readonly unknown[] = readonly unknown[]>(sql: string): Statement<Columns>
  /** Whether a transaction is open. */
  inTransaction(): boolean
  close(): void
}

export interface Driver {
  readonly name: DriverName
  readonly sqliteVersion: string
  readonly sourceId: string
  open(path: string): Connection
}

/** What both libraries' statements have in common, and what only one has. */
interface RawStatement {
  readonly reader?: boolean
  run(...values: SqlValue[]): { readonly changes: number | bigint }
  get(...values: SqlValue[]): unknown
  all(...values: SqlValue[]): unknown[]
  raw?(on: boolean): unknown
  safeIntegers?(on: boolean): unknown
  setReturnArrays?(on: boolean): void
  setReadBigInts?(on: boolean): void
}

/** What a caller's handle must look like. */
export interface RawDatabase {
  exec(sql: string): unknown
  prepare(sql: string): RawStatement
  close(): void
  readonly inTransaction?: boolean
  readonly isTransaction?: boolean
}

const require = createRequire(import.meta.url)
const DRIVER_NAMES: readonly DriverName[] = ['node:sqlite', 'better-sqlite3']
const INSTALL_COMMAND = 'npm install better-sqlite3@12'

export function wrapDatabase(database: RawDatabase, driver: DriverName): Connection {
  return {
    driver,
    exec: (sql) => {
      database.exec(sql)
    },
    prepare: <Columns extends readonly unknown[]>(sql: string) => whenUsed(() => wrapStatement<Columns>(database.prepare(sql))),
    inTransaction: () => inTransaction(database),
    close: () => database.close(),
  }
}

/** Compiled at the first use, and from then on the statement itself: most processes use few of Kerja's statements. */
function whenUsed<Columns extends readonly unknown[]>(compile: () => Statement<Columns>): Statement<Columns> {
  const compiled = (): Statement<Columns> => Object.assign(statement, compile())
  const statement: Statement<Columns> = {
    run: (...values) => compiled().run(...values),
    row: (...values) => compiled().row(...values),
    rows: (...values) => compiled().rows(...values),
  }
  return statement
}

function wrapStatement<Columns extends readonly unknown[]>(statement: RawStatement): Statement<Columns> {
  // The caller's handle may be set to answer with BigInt or with objects; ours always answer with numbers in arrays.
  statement.safeIntegers?.(false)
  statement.setReadBigInts?.(false)
  if (statement.raw !== undefined) {
    if (statement.reader === true) statement.raw(true)
  } else if (statement.setReturnArrays !== undefined) {
    statement.setReturnArrays(true)
  } else {
    // The columns are the statement's, which only its author knows.
    const columnsOf = (row: unknown): Columns => Object.values(row as object) as unknown as Columns
    return {
      run: (...values) => Number(statement.run(...values).changes),
      row: (...values) => {
        const row = statement.get(...values)
        return row === undefined ? undefined : columnsOf(row)
      },
      rows: (...values) => statement.all(...values).map(columnsOf),
    }
  }
  return {
    run: (...values) => statement.run(...values).changes as number,
    row: (...values) => statement.get(...values) as Columns | undefined,
    rows: (...values) => statement.all(...values) as Columns[],
  }
}

function inTransaction(database: RawDatabase): boolean {
  if (typeof database.inTransaction === 'boolean') return database.inTransaction
  if (typeof database.isTransaction === 'boolean') return database.isTransaction
  // Node 22.13 to 22.15 have no property for it. A second BEGIN fails inside a transaction and changes nothing.
  try {
    database.exec('BEGIN')
  } catch {
    // Refused: one is open already.
    return true
  }
  database.exec('ROLLBACK')
  return false
}

/** 3.7.0 to 3.51.2 can corrupt a WAL file that several connections checkpoint, except the two releases that carry the fix. */
export function isSafeSqliteVersion(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (version === '3.44.6' || version === '3.50.7') return true
  if (major !== 3) return major > 3
  return minor > 51 || (minor === 51 && patch >= 3)
}

/** node:sqlite announces itself as experimental on Node 22. Kerja's choice of it is not the user's concern: that one warning is dropped. */
function requireQuietly(name: DriverName): unknown {
  const { emitWarning } = process
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) Reflect.apply(emitWarning, process, [warning, ...rest])
  }) as typeof process.emitWarning
  try {
    return require(name)
  } finally {
    process.emitWarning = emitWarning
  }
}

function loadOne(name: DriverName): Driver {
  const loaded = requireQuietly(name)
  const Database = (name === 'node:sqlite' ? (loaded as { DatabaseSync: unknown }).DatabaseSync : loaded) as new (path: string) => RawDatabase
  const open = (path: string): Connection => {
    const connection = wrapDatabase(new Database(path), name)
    // Waiting is done by our own short jittered retries: the library's waits of up to 100 ms starve one process beside another.
    connection.exec('PRAGMA busy_timeout = 0')
    return connection
  }
  const probe = open(':memory:')
  const [sqliteVersion, sourceId] = probe.prepare<[string, string]>('SELECT sqlite_version(), sqlite_source_id()').row() ?? ['unknown', 'unknown']
  probe.close()
  return { name, sqliteVersion, sourceId, open }
}

/**
 * The named driver, or the first safe one of node:sqlite and better-sqlite3. Every thread of a process asks with the same
 * arguments and so gets the same build: two SQLite builds on one file in one process lose each other's locks.
 * @throws {DRIVER_MISSING} {DRIVER_UNSAFE}
 */
export function loadDriver(wanted: DriverName | undefined, allowUnsafe: boolean, load: (name: DriverName) => Driver = loadOne): Driver {
  const unsafe: Driver[] = []
  const problems: string[] = []
  for (const name of wanted === undefined ? DRIVER_NAMES : [wanted]) {
    try {
      const driver = load(name)
      if (allowUnsafe || isSafeSqliteVersion(driver.sqliteVersion)) return driver
      unsafe.push(driver)
    } catch (error) {
      problems.push(`${name}: ${firstLine(error)}`)
    }
  }
  if (unsafe.length > 0) {
    const found = unsafe.map((driver) => `${driver.name} carries SQLite ${driver.sqliteVersion}`).join(', ')
    throw new KerjaError(
      'DRIVER_UNSAFE',
      `${found}; SQLite 3.7.0 to 3.51.2 (except 3.44.6 and 3.50.7) can corrupt a file that several processes share. Run \`${INSTALL_COMMAND}\`, or accept the risk with { allowUnsafeSqlite: true }.`,
      { details: { found: unsafe.map(({ name, sqliteVersion }) => ({ name, sqliteVersion })) } },
    )
  }
  throw new KerjaError(
    'DRIVER_MISSING',
    `No usable SQLite driver on Node ${process.version} (${problems.join('; ')}). Run \`${INSTALL_COMMAND}\`, or a Node whose own SQLite is safe: 22.22.3, 24.15, 26 or later.`,
    {
      details: { problems },
    },
  )
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
