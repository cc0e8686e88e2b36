/** Bounded chores that run after a group, each in a transaction of its own: expire, prune, reap. None takes the write lock to find nothing. */
import { waitedWithin } from './connection.js'
import { loadDriver } from './driver.js'
import type { StoreConfig } from './options.js'
import { isProcessDead, lockedWorkerIds, removeLockFiles } from './process-lock.js'
import type { Store } from './store.js'

/** Chores make room or keep workers going, so a full disk must not stop them. */
const FINISHING = Object.freeze({ useReserve: true })

/** After somebody held the write lock for long, workers get this long to beat again. A beat is tried every 100 ms. */
const LOCK_PATIENCE_MS = 800

export type Sweeps = ReturnType<typeof createSweeps>
export type SweepName = keyof Sweeps
export const SWEEP_NAMES: readonly SweepName[] = ['expire', 'prune', 'reapWorkers']

export function createSweeps(store: Store, config: StoreConfig) {
  const { late, prune, coordination } = store
  const driver = loadDriver(config.driver, config.allowUnsafeSqlite)
  return {
    expire: (limit: number, retentionMs: number): number => (late.any() ? store.write(() => late.sweep(limit, retentionMs), FINISHING) : 0),

    prune(limit: number): number {
      const count = prune.any() ? store.write(() => prune.sweep(limit), FINISHING) : 0
      store.trimJournal()
      removeStrayLocks(store, config.path)
      return count
    },

    reapWorkers(): string[] {
      const undeclared = coordination.undeclared()
      const gone = undeclared.filter(({ id }) => isProcessDead(driver, config.path, id)).map(({ id }) => id)
      const lapsed = undeclared.filter((worker) => worker.lapsed && !gone.includes(worker.id)).map(({ id }) => id)
      if (gone.length + lapsed.length === 0) return []
      const declare = (): string[] => {
        // Whoever had to wait for the lock knows that others could not beat either: they get until the next look.
        const spared = waitedWithin(LOCK_PATIENCE_MS)
        return [...coordination.declareGone(gone), ...(spared ? [] : coordination.declareLapsed(lapsed))]
      }
      const declared = store.write(declare, FINISHING)
      // After the commit: a crash in between leaves a file whose worker is dead in the store, which prune removes.
      removeLockFiles(config.path, declared)
      return declared
    },
  }
}

/** Files of workers that the store no longer knows. */
function removeStrayLocks(store: Store, path: string): void {
  const known = store.coordination.known()
  const strays = lockedWorkerIds(path).filter((id) => !known.has(id))
  if (strays.length > 0) removeLockFiles(path, strays)
}
