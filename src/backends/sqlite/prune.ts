/** Forgets: jobs past their retention, idempotency keys past their time, old counters and dead workers. */
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import { CANCELLED, COMPLETED, FAILED } from './rows.js'

/** Idempotency keys dropped per call: as with jobs, the next call goes on. */
const KEYS_MAX = 1_000

export interface Prune {
  /** Removes every trace of jobs but their idempotency keys, which stand for their requests until they run out. */
  forget(seqs: readonly number[]): void
  any(): boolean
  sweep(limit: number): number
}

export function createPrune(context: StoreContext, counters: Counters, pruneWorkers: () => void): Prune {
  const { connection, lanes } = context
  const list = '(SELECT value FROM json_each(?))'
  const deletions = [
    connection.prepare(`DELETE FROM kerja_attempts WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_logs WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_progress WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_results WHERE seq IN ${list}`),
    connection.prepare(`DELETE FROM kerja_payloads WHERE seq IN ${list}`),
    connection.prepare(`DELETE FROM kerja_jobs WHERE seq IN ${list}`),
  ]
  const ended = connection.prepare<[number]>(
    `SELECT seq FROM kerja_jobs INDEXED BY kerja_jobs_ended WHERE lane = ? AND state = ? AND state IN (2, 3, 4) AND prune_at <= ? ORDER BY prune_at LIMIT ?`,
  )
  const expiredKey = connection.prepare('SELECT 1 FROM kerja_idempotency WHERE expires_at <= ? LIMIT 1')
  const dropKeys = connection.prepare(
    'DELETE FROM kerja_idempotency WHERE (kind, key) IN (SELECT kind, key FROM kerja_idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
  )

  function forget(seqs: readonly number[]): void {
    const json = JSON.stringify(seqs)
    for (const deletion of deletions) deletion.run(json)
  }

  function pastRetention(limit: number): number[] {
    const now = context.now()
    const found: number[] = []
    for (const [lane] of lanes.all()) {
      for (const state of [COMPLETED, CANCELLED, FAILED]) {
        if (found.length >= limit) return found
        found.push(...ended.rows(lane, state, now, limit - found.length).map(([seq]) => seq))
      }
    }
    return found
  }

  return {
    forget,
    any: () => pastRetention(1).length > 0 || expiredKey.row(context.now()) !== undefined,
    sweep(limit) {
      const found = pastRetention(limit)
      if (found.length > 0) forget(found)
      dropKeys.run(context.now(), KEYS_MAX)
      counters.prune()
      pruneWorkers()
      return found.length
    },
  }
}
