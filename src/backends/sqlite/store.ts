/** The open store of the engine thread: one connection, its operations, and the transactions they run in. */
import { statSync } from 'node:fs'
import type { MigrationStep } from '../../contract/backend.js'
import { clockFrom } from '../../contract/clock.js'
import { openConnection, openUnchanged, untilFree, WAL_BYTES_MAX } from './connection.js'
import type { Effects, StoreContext } from './context.js'
import { isBusy, isFull } from './faults.js'
import { createLanes } from './lanes.js'
import { applyMigrations, MIGRATIONS, pendingMigrations } from './migrate.js'
import { createParts, type StoreParts } from './operations.js'
import type { StoreConfig } from './options.js'
import { createReserve, type Reserve } from './reserve.js'
import { createSequence } from './sequence.js'

export interface Store extends StoreParts {
  readonly context: StoreContext
  readonly reserve: Reserve
  /** Reads the clock for what follows. */
  enter(): void
  /**
   * One write transaction: all of `action` is on disk when it returns, or none of it. On a full disk it is tried again with the space that
   * the journal took, and, with `useReserve`, with the space kept for work that must be finished.
   */
  write<T>(action: () => T, options: { readonly useReserve: boolean }): T
  /** One snapshot. */
  read<T>(action: () => T): T
  /** Cuts a journal that has outgrown its limit. It waits for nobody: readers in the way leave it for later. */
  trimJournal(): void
  close(): void
}

/** Opens the file, and brings its schema up to date. */
export function openStore(config: StoreConfig): Store {
  const connection = openConnection(config)
  try {
    const clock = clockFrom(config.clockBuffer)
    const begin = () => untilFree(config.path, config.lockTimeoutMs, () => connection.exec('BEGIN IMMEDIATE'))
    const inWrite = <T>(action: () => T): T => {
      begin()
      try {
        const result = action()
        connection.exec('COMMIT')
        return result
      } catch (error) {
        // A full disk or an I/O error may have rolled back by itself.
        if (connection.inTransaction()) connection.exec('ROLLBACK')
        throw error
      }
    }
    if (untilFree(config.path, config.lockTimeoutMs, () => pendingMigrations(connection, config.path)).length > 0)
      inWrite(() => applyMigrations(connection, config.path, clock.now()))

    let now = clock.now()
    const effects: Effects = { available: false, changed: false }
    const context: StoreContext = {
      path: config.path,
      connection,
      lanes: createLanes(connection, { cache: true }),
      sequence: createSequence(connection),
      effects,
      now: () => now,
    }
    const parts = createParts(context)
    const reserve = createReserve(config.path)
    reserve.keep()

    function writeOnce<T>(action: () => T): T {
      const { available, changed } = effects
      try {
        return inWrite(() => {
          const result = action()
          parts.counters.flush()
          parts.ended.flush()
          context.sequence.flush()
          return result
        })
      } catch (error) {
        context.lanes.forget()
        parts.counters.forget()
        parts.ended.forget()
        // Calls before this one may have succeeded, and are not answered yet.
        Object.assign(effects, { available, changed })
        throw error
      } finally {
        context.sequence.forget()
      }
    }

    return {
      ...parts,
      context,
      reserve,
      enter() {
        now = clock.now()
      },
      write(action, { useReserve }) {
        const attempt = () => writeOnce(action)
        try {
          return attempt()
        } catch (error) {
          if (!isFull(error)) throw error
        }
        truncateJournal(connection)
        if (useReserve) reserve.giveUp()
        return attempt()
      },
      read(action) {
        return untilFree(config.path, config.lockTimeoutMs, () => {
          connection.exec('BEGIN')
          try {
            return action()
          } finally {
            connection.exec('COMMIT')
          }
        })
      },
      trimJournal() {
        if ((statSync(`${config.path}-wal`, { throwIfNoEntry: false })?.size ?? 0) <= WAL_BYTES_MAX) return
        truncateJournal(connection)
      },
      close: () => connection.close(),
    }
  } catch (error) {
    connection.close()
    throw error
  }
}

function truncateJournal(connection: StoreContext['connection']): void {
  try {
    connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').row()
  } catch (error) {
    // A reader or writer is in the way, or there is no room for it: the next idle moment tries again.
    if (!isBusy(error) && !isFull(error)) throw error
  }
}

/** What opening would apply. Nothing is applied, switched or created. */
export function planMigrations(config: StoreConfig): readonly MigrationStep[] {
  const connection = openUnchanged(config)
  if (connection === null) return MIGRATIONS
  try {
    return untilFree(config.path, config.lockTimeoutMs, () => pendingMigrations(connection, config.path))
  } finally {
    connection.close()
  }
}
