/** Numbers for new jobs: read once per transaction, written back once before its commit, never used twice. */
import type { Connection } from './driver.js'

export interface Sequence {
  next(): number
  /** Writes how far the numbers were used. Before the commit. */
  flush(): void
  /** After a commit or rollback: other processes take numbers too. */
  forget(): void
}

export function createSequence(connection: Connection): Sequence {
  const read = connection.prepare<[number]>('SELECT next FROM kerja_sequence')
  const write = connection.prepare('UPDATE kerja_sequence SET next = ?')
  let upcoming: number | undefined
  return {
    next() {
      upcoming ??= read.row()?.[0] ?? 1
      upcoming += 1
      return upcoming - 1
    },
    flush() {
      if (upcoming !== undefined) write.run(upcoming)
    },
    forget() {
      upcoming = undefined
    },
  }
}
