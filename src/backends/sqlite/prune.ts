/** Forgets: jobs past their retention, idempotency keys past their time, old counters and dead workers. */
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import type { Ended } from './ended.js'
import { ENDED_SQL } from './rows.js'

/** Idempotency keys dropped per call: as with jobs, the next call goes on. */
const KEYS_MAX = 1_000

export interface Prune {
  /** Removes every trace of jobs but their idempotency keys, which stand for their requests until they run out. */
  forget(seqs: readonly number[]): void
  any(): boolean
  sweep(limit: number): number
}

export function createPrune(context: StoreContext, counters: Counters, ended: Ended, pruneWorkers: () => void): Prune {
  const { connection } = context
  const list = '(SELECT value FROM json_each(?))'
  const deletions = [
    connection.prepare(`DELETE FROM kerja_attempts WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_logs WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_progress WHERE job IN ${list}`),
    connection.prepare(`DELETE FROM kerja_results WHERE seq IN ${list}`),
    connection.prepare(`DELETE FROM kerja_payloads WHERE seq IN ${list}`),
    connection.prepare(`DELETE FROM kerja_jobs WHERE seq IN ${list}`),
  ]
  const past = connection.prepare<[number]>(`SELECT seq FROM kerja_jobs WHERE seq IN ${list} AND ${ENDED_SQL} AND prune_at <= ?`)
  const endedAmong = connection.prepare<[lane: number, state: number, count: number]>(
    `SELECT lane, state, count(*) FROM kerja_jobs WHERE seq IN ${list} AND ${ENDED_SQL} GROUP BY lane, state`,
  )
  const expiredKey = connection.prepare('SELECT 1 FROM kerja_idempotency WHERE expires_at <= ? LIMIT 1')
  const dropKeys = connection.prepare(
    'DELETE FROM kerja_idempotency WHERE (kind, key) IN (SELECT kind, key FROM kerja_idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
  )

  function forget(seqs: readonly number[]): void {
    const json = JSON.stringify(seqs)
    for (const [lane, state, count] of endedAmong.rows(json)) ended.subtract(lane, state, count)
    for (const deletion of deletions) deletion.run(json)
  }

  /** Jobs that ended again, or were retried or removed since, are not among them. */
  function takePast(limit: number): number[] {
    const now = context.now()
    const found: number[] = []
    while (found.length < limit && ended.anyPast(now)) {
      const taken = JSON.stringify(ended.takePast(now, limit - found.length))
      found.push(...past.rows(taken, now).map(([seq]) => seq))
    }
    return found
  }

  return {
    forget,
    any: () => ended.anyPast(context.now()) || expiredKey.row(context.now()) !== undefined,
    sweep(limit) {
      const found = takePast(limit)
      if (found.length > 0) forget(found)
      dropKeys.run(context.now(), KEYS_MAX)
      counters.prune()
      pruneWorkers()
      return found.length
    },
  }
}
