/**
 * What the store keeps of ends: how many jobs of each lane ended how, and when which of them may be forgotten. One row for all that ended in
 * a commit with one retention, not an index entry for each: the ends are the hot path, and forgetting is not.
 */
import type { StoreContext } from './context.js'

/** Seqs of jobs as JSON, and the row's own number. */
type Batch = readonly [id: number, seqs: string]

export interface Ended {
  /** These jobs have just ended so, and are kept until `pruneAt`. */
  add(lane: number, state: number, seqs: readonly number[], pruneAt: number): void
  /** As many jobs that had ended so are gone, or wait again. */
  subtract(lane: number, state: number, count: number): void
  /** How many there are now. */
  count(lane: number, state: number): number
  /** Writes what was noted since the last flush. Before the commit. */
  flush(): void
  /** After a rollback: nothing of it happened. */
  forget(): void
  anyPast(now: number): boolean
  /** Hands out up to `limit` jobs whose time had come when they ended. Whoever asks looks again: some may be gone, or have ended anew. */
  takePast(now: number, limit: number): number[]
}

export function createEnded({ connection }: StoreContext): Ended {
  const addBatch = connection.prepare('INSERT INTO kerja_ended (prune_at, seqs) VALUES (?, ?)')
  const addCount = connection.prepare(
    'INSERT INTO kerja_ended_counts (lane, state, count) VALUES (?, ?, ?) ON CONFLICT (lane, state) DO UPDATE SET count = count + excluded.count',
  )
  const readCount = connection.prepare<[number]>('SELECT count FROM kerja_ended_counts WHERE lane = ? AND state = ?')
  const past = connection.prepare<Batch>('SELECT id, seqs FROM kerja_ended WHERE prune_at <= ? ORDER BY prune_at LIMIT 1')
  const drop = connection.prepare('DELETE FROM kerja_ended WHERE id = ?')
  const shorten = connection.prepare('UPDATE kerja_ended SET seqs = ? WHERE id = ?')

  let noted = new Map<number, number[]>()
  const counted = new Map<string, [lane: number, state: number, count: number]>()

  function count(lane: number, state: number, more: number): void {
    const key = `${lane} ${state}`
    const entry = counted.get(key)
    if (entry === undefined) counted.set(key, [lane, state, more])
    else entry[2] += more
  }

  function forget(): void {
    noted = new Map()
    counted.clear()
  }

  return {
    add(lane, state, seqs, pruneAt) {
      count(lane, state, seqs.length)
      const known = noted.get(pruneAt)
      if (known === undefined) noted.set(pruneAt, [...seqs])
      else known.push(...seqs)
    },
    subtract: (lane, state, gone) => count(lane, state, -gone),
    count: (lane, state) => readCount.row(lane, state)?.[0] ?? 0,
    flush() {
      for (const [pruneAt, seqs] of noted) addBatch.run(pruneAt, JSON.stringify(seqs))
      for (const entry of counted.values()) addCount.run(...entry)
      forget()
    },
    forget,
    anyPast: (now) => past.row(now) !== undefined,
    takePast(now, limit) {
      const [id, json] = past.row(now) ?? [0, '[]']
      const seqs = JSON.parse(json) as number[]
      if (seqs.length > limit) shorten.run(JSON.stringify(seqs.slice(limit)), id)
      else drop.run(id)
      return seqs.slice(0, limit)
    },
  }
}
