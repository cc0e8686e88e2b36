/** Settlements: plain completions all in one statement, whatever else one after the other in the same call. */
import type { LeaseRef, Settlement, SettleResult } from '../../contract/job.js'
import type { Lanes } from './lanes.js'
import { itemOf } from './push.js'
import { arrayOf, encodeNullable, encodeText, SEPARATOR } from './text.js'

/** The handle of a claim: the job's number, which is never used twice, with the id, so that it serves no other job. */
export type Handle = readonly [seq: number, id: string]

/** The number that a lease carries; null when it was made by hand, so that its job is found by its id. */
export function seqOf({ jobId, handle }: LeaseRef): number | null {
  const [seq, id]: readonly unknown[] = Array.isArray(handle) ? handle : []
  return typeof seq === 'number' && id === jobId ? seq : null
}

/** Parameters of `settle_1` after the time, and how its answer becomes results. */
export interface SettleCall {
  readonly values: readonly unknown[]
  resultsOf(answer: string | null): SettleResult[]
}

interface Completion {
  readonly index: number
  readonly seq: number
  readonly token: number
  readonly retentionMs: number
  readonly result: string | null
}

export function settleCall(settlements: readonly Settlement[], lanes: Lanes): SettleCall {
  const completions: Completion[] = []
  const others: { readonly index: number; readonly item: unknown }[] = []
  const seen = new Set<number>()
  for (const [index, settlement] of settlements.entries()) {
    const seq = seqOf(settlement.lease)
    // Of two settlements of one claim the first counts, so that a twin goes after it.
    if (settlement.outcome === 'complete' && seq !== null && settlement.enqueue.length === 0 && !seen.has(seq)) {
      seen.add(seq)
      const { lease, retentionMs, result } = settlement
      completions.push({ index, seq, token: lease.token, retentionMs: Math.ceil(retentionMs), result })
    } else others.push({ index, item: otherOf(settlement, seq, lanes) })
  }
  // In one order, so that two that settle the same claims wait for each other and not in a circle.
  completions.sort((a, b) => a.seq - b.seq)
  return {
    values: [
      arrayOf(completions.map(({ seq }) => seq)),
      arrayOf(completions.map(({ token }) => token)),
      arrayOf(completions.map(({ retentionMs }) => retentionMs)),
      completions.every(({ result }) => result === null)
        ? null
        : completions.map(({ result }) => (result === null ? '' : encodeText(result))).join(SEPARATOR),
      others.length === 0 ? null : JSON.stringify(others.map(({ item }) => item)),
    ],
    resultsOf(answer) {
      const results: SettleResult[] = settlements.map(() => 'settled')
      if (answer === null) return results
      const { lost, others: otherResults } = JSON.parse(answer) as { lost: number[] | null; others: SettleResult[] | null }
      const lostSeqs = new Set(lost ?? [])
      for (const { index, seq } of completions) if (lostSeqs.has(seq)) results[index] = 'lost'
      for (const [position, { index }] of others.entries()) results[index] = otherResults?.[position] ?? 'lost'
      return results
    },
  }
}

/** See `settle_other_1`. */
function otherOf(settlement: Settlement, seq: number | null, lanes: Lanes): unknown {
  const { lease, outcome } = settlement
  const base = { s: seq, i: lease.jobId, t: lease.token, o: outcome }
  switch (outcome) {
    case 'complete':
      return {
        ...base,
        k: Math.ceil(settlement.retentionMs),
        e: encodeNullable(settlement.result),
        ...(settlement.enqueue.length === 0 ? {} : { p: settlement.enqueue.map((job) => itemOf(job, lanes.idOf(job))) }),
      }
    case 'retry':
      return { ...base, d: Math.ceil(settlement.delayMs), f: JSON.stringify(settlement.failure) }
    case 'snooze':
      return { ...base, d: Math.ceil(settlement.delayMs) }
    case 'release':
      return base
    case 'crash':
      return { ...base, b: settlement.burn, f: JSON.stringify(settlement.failure) }
    case 'cancel':
      return { ...base, r: encodeText(settlement.reason), k: Math.ceil(settlement.retentionMs) }
    case 'fail':
      return {
        ...base,
        r: encodeText(settlement.reason),
        k: Math.ceil(settlement.retentionMs),
        c: settlement.crashed,
        f: JSON.stringify(settlement.failure),
      }
    case 'hold':
      return { ...base, f: JSON.stringify(settlement.failure) }
  }
}
