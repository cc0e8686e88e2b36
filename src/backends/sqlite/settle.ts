/** Ending claims: only the holder of the current token, and only once. */
import type { SettleResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import type { Ended } from './ended.js'
import { createOtherOutcomes } from './outcomes.js'
import type { Push } from './push.js'
import { COMPLETED, HELD_UNDER_SQL, RUNNING } from './rows.js'
import { rangeOf } from './seqs.js'
import type { WireLease, WireSettlement, WireSettleResults } from './wire.js'

export type Settle = (settlements: readonly WireSettlement[]) => WireSettleResults

export function createSettle(context: StoreContext, push: Push, counters: Counters, ended: Ended): Settle {
  const { connection, lanes, effects } = context
  const complete = connection.prepare<[lane: number]>(
    `UPDATE kerja_jobs SET state = ${COMPLETED}, finished_at = ?, prune_at = ? WHERE ${HELD_UNDER_SQL} RETURNING lane`,
  )
  const keepResult = connection.prepare('REPLACE INTO kerja_results (seq, result) VALUES (?, ?)')
  const locate = createLocate(context)
  const settleOther = createOtherOutcomes(context, counters, ended)

  const completePlain = createPlainCompletion(context, counters, ended)

  function settleOne([lease, result, retentionMs, enqueue, outcome]: WireSettlement, now: number): SettleResult {
    const seq = locate(lease)
    const token = lease[3]
    if (outcome !== null) return settleOther(seq, token, outcome, now)
    const pruneAt = Math.ceil(now + retentionMs)
    const row = complete.row(now, pruneAt, seq, token)
    if (row === undefined) return 'lost'
    ended.add(row[0], COMPLETED, [seq], pruneAt)
    if (result !== null) keepResult.run(seq, result)
    counters.completed(lanes.find(row[0])[1])
    effects.changed = true
    if (enqueue !== null) push(enqueue)
    return 'settled'
  }

  return (settlements) => {
    const now = context.now()
    if (completePlain(settlements, now)) {
      effects.changed = true
      return null
    }
    return settlements.map((settlement) => settleOne(settlement, now))
  }
}

/** Below this, one by one is as fast. */
const PLAIN_BATCH_MIN = 4

/**
 * Most batches are completions of first attempts, none of them lost. Those are written in one statement, at half the cost of one by one.
 * False, with nothing written, when the batch is any other.
 */
function createPlainCompletion(context: StoreContext, counters: Counters, ended: Ended) {
  const { connection, lanes } = context
  const complete = `UPDATE kerja_jobs SET state = ${COMPLETED}, finished_at = ?, prune_at = ? WHERE token = ? AND state = ${RUNNING} AND seq`
  const completeList = connection.prepare(`${complete} IN (SELECT value FROM json_each(?))`)
  const completeRange = connection.prepare(`${complete} BETWEEN ? AND ?`)
  const keepResults = connection.prepare('INSERT OR REPLACE INTO kerja_results (seq, result) SELECT value ->> 0, value ->> 1 FROM json_each(?)')

  return (settlements: readonly WireSettlement[], now: number): boolean => {
    const [first] = settlements
    if (first === undefined || settlements.length < PLAIN_BATCH_MIN) return false
    const [, , , token] = first[0]
    const retentionMs = first[2]
    const byLane = new Map<number, number[]>()
    const results: (readonly [number, string])[] = []
    for (const [[seq, lane, , ownToken], result, retention, enqueue, outcome] of settlements) {
      if (outcome !== null || enqueue !== null || seq === null || ownToken !== token || retention !== retentionMs) return false
      const seqs = byLane.get(lane)
      if (seqs === undefined) byLane.set(lane, [seq])
      else seqs.push(seq)
      if (result !== null) results.push([seq, result])
    }
    const pruneAt = Math.ceil(now + retentionMs)
    const seqs = [...byLane.values()].flat()
    // Of two settlements of one claim only the first counts: one by one they find out which.
    if (new Set(seqs).size !== seqs.length) return false
    connection.exec('SAVEPOINT plain')
    const range = rangeOf(seqs)
    const end = [now, pruneAt, token] as const
    const written = range === null ? completeList.run(...end, JSON.stringify(seqs)) : completeRange.run(...end, ...range)
    // One is lost: one by one they find out which.
    if (written !== settlements.length) connection.exec('ROLLBACK TO plain')
    connection.exec('RELEASE plain')
    if (written !== settlements.length) return false
    if (results.length > 0) keepResults.run(JSON.stringify(results))
    for (const [lane, seqs] of byLane) {
      ended.add(lane, COMPLETED, seqs, pruneAt)
      counters.completed(lanes.find(lane)[1], seqs.length)
    }
    return true
  }
}

/** Numbers of jobs begin at 1. */
const NOWHERE = -1

/** The job's number. A lease made by hand carries none: its job is found by its id. */
export function createLocate({ connection }: StoreContext): (lease: WireLease) => number {
  const byId = connection.prepare<[number]>('SELECT seq FROM kerja_payloads WHERE id = ?')
  return ([given, , id]) => given ?? byId.row(id)?.[0] ?? NOWHERE
}
