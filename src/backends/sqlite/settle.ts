/** Ending claims: only the holder of the current token, and only once. */
import type { SettleResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import { createOtherOutcomes } from './outcomes.js'
import type { Push } from './push.js'
import { COMPLETED, HELD_UNDER_SQL, RUNNING } from './rows.js'
import type { WireLease, WireSettlement } from './wire.js'

export type Settle = (settlements: readonly WireSettlement[]) => SettleResult[]

export function createSettle(context: StoreContext, push: Push, counters: Counters): Settle {
  const { connection, lanes, effects } = context
  const complete = connection.prepare(`UPDATE kerja_jobs SET state = ${COMPLETED}, finished_at = ?, prune_at = ? WHERE ${HELD_UNDER_SQL}`)
  const keepResult = connection.prepare('REPLACE INTO kerja_results (seq, result) VALUES (?, ?)')
  const locate = createLocate(context)
  const settleOther = createOtherOutcomes(context, counters)

  const completePlain = createPlainCompletion(context)

  function settleOne([lease, result, retentionMs, enqueue, outcome]: WireSettlement, now: number): SettleResult {
    const { seq, lane } = locate(lease)
    const token = lease[3]
    if (outcome !== null) return settleOther(seq, token, outcome, now)
    if (complete.run(now, Math.ceil(now + retentionMs), seq, token) === 0) return 'lost'
    if (result !== null) keepResult.run(seq, result)
    counters.completed(lanes.find(lane)[1])
    effects.changed = true
    if (enqueue !== null) push(enqueue)
    return 'settled'
  }

  return (settlements) => {
    const now = context.now()
    if (completePlain(settlements, now)) {
      for (const [[, lane]] of settlements) counters.completed(lanes.find(lane)[1])
      effects.changed = true
      return settlements.map(() => 'settled')
    }
    return settlements.map((settlement) => settleOne(settlement, now))
  }
}

/** Below this, one by one is as fast. */
const PLAIN_BATCH_MIN = 4

/**
 * Most batches are completions of first attempts, none of them lost. Those are counted in one statement and written in another, at half the
 * cost of one by one. False, with nothing written, when the batch is any other.
 */
function createPlainCompletion({ connection }: StoreContext): (settlements: readonly WireSettlement[], now: number) => boolean {
  const list = 'SELECT value FROM json_each(?)'
  const countHeld = connection.prepare<[number]>(`SELECT count(*) FROM kerja_jobs WHERE seq IN (${list}) AND token = ? AND state = ${RUNNING}`)
  const completeAll = connection.prepare(`UPDATE kerja_jobs SET state = ${COMPLETED}, finished_at = ?, prune_at = ? WHERE seq IN (${list})`)
  const keepResults = connection.prepare('INSERT OR REPLACE INTO kerja_results (seq, result) SELECT value ->> 0, value ->> 1 FROM json_each(?)')

  return (settlements, now) => {
    const [first] = settlements
    if (first === undefined || settlements.length < PLAIN_BATCH_MIN) return false
    const [, , , token] = first[0]
    const retentionMs = first[2]
    const seqs = new Set<number>()
    const results: (readonly [number, string])[] = []
    for (const [lease, result, retention, enqueue, outcome] of settlements) {
      if (outcome !== null || enqueue !== null || lease[0] === null || lease[3] !== token || retention !== retentionMs) return false
      seqs.add(lease[0])
      if (result !== null) results.push([lease[0], result])
    }
    const json = JSON.stringify([...seqs])
    // Of two settlements of one claim only the first counts, so twins go one by one.
    if (seqs.size !== settlements.length || countHeld.row(json, token)?.[0] !== seqs.size) return false
    completeAll.run(now, Math.ceil(now + retentionMs), json)
    if (results.length > 0) keepResults.run(JSON.stringify(results))
    return true
  }
}

const NOWHERE = Object.freeze({ seq: -1, lane: 0 })

/** A lease made by hand carries no row number: its job is found by its id. */
export function createLocate({ connection }: StoreContext): (lease: WireLease) => { readonly seq: number; readonly lane: number } {
  const byId = connection.prepare<[number, number]>('SELECT j.seq, j.lane FROM kerja_payloads d JOIN kerja_jobs j ON j.seq = d.seq WHERE d.id = ?')
  return ([given, givenLane, id]) => {
    if (given !== null) return { seq: given, lane: givenLane }
    const found = byId.row(id)
    return found === undefined ? NOWHERE : { seq: found[0], lane: found[1] }
  }
}
