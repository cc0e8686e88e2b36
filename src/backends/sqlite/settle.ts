/** Ending claims: only the holder of the current token, and only once. */
import type { SettleResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import { createOtherOutcomes } from './outcomes.js'
import type { Push } from './push.js'
import { COMPLETED, HELD_UNDER_SQL } from './rows.js'
import type { WireLease, WireSettlement } from './wire.js'

export type Settle = (settlements: readonly WireSettlement[]) => SettleResult[]

export function createSettle(context: StoreContext, push: Push, counters: Counters): Settle {
  const { connection, lanes, effects } = context
  const complete = connection.prepare(`UPDATE kerja_jobs SET state = ${COMPLETED}, finished_at = ?, prune_at = ? WHERE ${HELD_UNDER_SQL}`)
  const keepResult = connection.prepare('REPLACE INTO kerja_results (seq, result) VALUES (?, ?)')
  const locate = createLocate(context)
  const settleOther = createOtherOutcomes(context, counters)

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
    return settlements.map((settlement) => settleOne(settlement, now))
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
