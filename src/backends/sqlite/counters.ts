/** How many jobs ended lately, per queue and minute: written once per queue per commit, read by `stats`. */
import type { StoreContext } from './context.js'

const MINUTE_MS = 60_000
/** Minutes kept: the longest window that `stats` can be asked for is a day. */
const MINUTES_KEPT = 24 * 60

export interface Counters {
  completed(queue: string, jobCount?: number): void
  retried(queue: string): void
  failed(queue: string): void
  /** Writes what was counted since the last flush. Before the commit. */
  flush(): void
  /** After a rollback: nothing of it happened. */
  forget(): void
  recent(queue: string, windowMs: number): readonly [completed: number, retried: number, failed: number]
  prune(): void
}

export function createCounters(context: StoreContext): Counters {
  const { connection } = context
  const add = connection.prepare(
    `INSERT INTO kerja_counters (queue, minute, completed, retried, failed) VALUES (?, ?, ?, ?, ?) ON CONFLICT (queue, minute)
      DO UPDATE SET completed = completed + excluded.completed, retried = retried + excluded.retried, failed = failed + excluded.failed`,
  )
  const sum = connection.prepare<[number, number, number]>(
    'SELECT coalesce(sum(completed), 0), coalesce(sum(retried), 0), coalesce(sum(failed), 0) FROM kerja_counters WHERE queue = ? AND minute > ?',
  )
  const drop = connection.prepare('DELETE FROM kerja_counters WHERE minute < ?')
  const counted = new Map<string, [number, number, number]>()

  function count(queue: string, column: 0 | 1 | 2, more = 1): void {
    let row = counted.get(queue)
    if (row === undefined) {
      row = [0, 0, 0]
      counted.set(queue, row)
    }
    row[column] += more
  }

  return {
    completed: (queue, jobCount) => count(queue, 0, jobCount),
    retried: (queue) => count(queue, 1),
    failed: (queue) => count(queue, 2),
    flush() {
      if (counted.size === 0) return
      const minute = Math.floor(context.now() / MINUTE_MS)
      for (const [queue, row] of counted) add.run(queue, minute, ...row)
      counted.clear()
    },
    forget: () => counted.clear(),
    recent: (queue, windowMs) => sum.row(queue, Math.floor((context.now() - windowMs) / MINUTE_MS)) ?? [0, 0, 0],
    prune() {
      drop.run(Math.floor(context.now() / MINUTE_MS) - MINUTES_KEPT)
    },
  }
}
