/** Taking what a claim has chosen: the rows are read for the worker and written as its own. */
import type { ClaimRequest } from '../../contract/backend.js'
import type { StoreContext } from './context.js'
import type { EndLate } from './late.js'
import { RUNNING } from './rows.js'
import { rangeOf } from './seqs.js'
import { rareColumnsOf, type WireClaim, type WireClaims, type WireLane } from './wire.js'

export interface OpenLane {
  readonly lane: WireLane
  readonly leaseMs: number | null
}

export interface Candidate {
  readonly seq: number
  readonly runAt: number
  readonly priority: number
  readonly open: OpenLane
}

/** The columns of a `WireClaim` that its rows have, in the order that the numbers are given. */
type ClaimableRow = readonly [seq: number, id: string, payload: string, maxAttempts: number, createdAt: number, rare: string | null]

/** With longer payloads the text of many jobs may be more than a string can hold. */
const PLAIN_BYTES_MAX = 4096
/** The jobs of a range that have no rare columns, as one text, and how many they are. Value by value they would come here far slower. */
const READ_PLAIN = `SELECT count(*), json_group_array(json_array(j.seq, d.id, d.payload, j.max_attempts, j.created_at, NULL, j.run_at, j.priority, j.lane))
  FROM kerja_jobs j CROSS JOIN kerja_payloads d ON d.seq = j.seq WHERE j.seq BETWEEN ? AND ? AND j.token = 0 AND j.attempt = 0 AND j.crash_count = 0
  AND coalesce(j.give_up_at, j.deadline, d.job_group, d.tags, d.parent, d.tick_schedule) IS NULL AND octet_length(d.payload) <= ${PLAIN_BYTES_MAX}`

const READ_COLUMNS = `SELECT j.seq, d.id, d.payload, j.max_attempts, j.created_at,
  CASE WHEN j.token = 0 AND j.attempt = 0 AND j.crash_count = 0 AND coalesce(j.give_up_at, j.deadline, d.job_group, d.tags, d.parent, d.tick_schedule) IS NULL
    THEN NULL ELSE json_array(j.token, j.attempt, j.crash_count, j.give_up_at, j.deadline, d.job_group, d.tags, d.parent, d.tick_schedule, d.tick_at) END`
const READ_LIST = `${READ_COLUMNS} FROM json_each(?) wanted CROSS JOIN kerja_jobs j ON j.seq = wanted.value CROSS JOIN kerja_payloads d ON d.seq = j.seq`
const READ_RANGE = `${READ_COLUMNS} FROM kerja_jobs j CROSS JOIN kerja_payloads d ON d.seq = j.seq WHERE j.seq BETWEEN ? AND ? ORDER BY j.seq`

const TAKE = `UPDATE kerja_jobs SET state = ${RUNNING}, token = token + 1, attempt = attempt + 1, claimed_at = ?, lease_until = ?, worker = ?, alone = ?,
  deadline = give_up_at WHERE`

/** Whose claim it is, and when. */
interface ClaimOf {
  readonly request: ClaimRequest
  /** The worker's number. */
  readonly worker: number
  readonly now: number
}

/** Takes the candidates, except those past their deadline: they end. Adds what was taken to `batches` and gives the candidates it was. */
export type HandOut = (candidates: readonly Candidate[], claim: ClaimOf, batches: WireClaims[]) => readonly Candidate[]

export function createHandOut({ connection }: StoreContext, endLate: EndLate): HandOut {
  const readPlain = connection.prepare<[count: number, json: string]>(READ_PLAIN)
  const readList = connection.prepare<ClaimableRow>(READ_LIST)
  const readRange = connection.prepare<ClaimableRow>(READ_RANGE)
  const takeList = connection.prepare(`${TAKE} seq IN (SELECT value FROM json_each(?))`)
  const takeRange = connection.prepare(`${TAKE} seq BETWEEN ? AND ?`)

  const handOut: HandOut = (candidates, claim, batches) => {
    if (candidates.length === 0) return []
    const wanted = candidates.map(({ seq }) => seq)
    const range = isAscending(wanted) ? rangeOf(wanted) : null
    const [plainCount, plain] = (range === null ? undefined : readPlain.row(...range)) ?? [0, '']
    if (plainCount === wanted.length) {
      take(candidates, claim)
      batches.push(plain)
      return candidates
    }
    const rows = range === null ? readList.rows(JSON.stringify(wanted)) : readRange.rows(...range)
    const taken: Candidate[] = []
    const claims: WireClaim[] = []
    for (const [index, [seq, id, payload, maxAttempts, createdAt, rare]] of rows.entries()) {
      const candidate = candidates[index] as Candidate
      const [, , , , deadline] = rareColumnsOf(rare)
      if (deadline !== null && deadline < claim.now) {
        endLate(seq, claim.now, claim.request.expiredRetentionMs)
        continue
      }
      taken.push(candidate)
      claims.push([seq, id, payload, maxAttempts, createdAt, rare, candidate.runAt, candidate.priority, candidate.open.lane[0]])
    }
    take(taken, claim)
    if (claims.length > 0) batches.push(claims)
    return taken
  }

  function take(candidates: readonly Candidate[], { request, worker, now }: ClaimOf): void {
    const byLease = new Map<number | null, number[]>()
    for (const { seq, open } of candidates) {
      const seqs = byLease.get(open.leaseMs)
      if (seqs === undefined) byLease.set(open.leaseMs, [seq])
      else seqs.push(seq)
    }
    for (const [leaseMs, seqs] of byLease) {
      const lease = [now, leaseMs === null ? null : Math.ceil(now + leaseMs), worker, request.alone ? 1 : 0] as const
      const range = rangeOf(seqs)
      if (range === null) takeList.run(...lease, JSON.stringify(seqs))
      else takeRange.run(...lease, ...range)
    }
  }

  return handOut
}

const isAscending = (seqs: readonly number[]): boolean => seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] as number))
