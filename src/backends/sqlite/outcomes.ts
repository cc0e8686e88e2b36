/** Every end of a claim but completion: the job ends otherwise, or waits again unless it may not. */
import type { AttemptRecord, JobFailure, SettleResult } from '../../contract/job.js'
import { SUPERSEDED_RETENTION_MS } from '../../core/state.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import type { Ended } from './ended.js'
import { isConstraint } from './faults.js'
import { CANCELLED, FAILED, FORWARDED_HELD, HELD, HELD_UNDER_SQL, WAITING_AGAIN_SQL } from './rows.js'
import type { WireSettlement } from './wire.js'
import { WORKER_ID_SQL } from './worker-numbers.js'

type Outcome = NonNullable<WireSettlement[4]>

/** The claim as it stands while it is settled. */
type ClaimRow = readonly [
  seq: number,
  token: number,
  lane: number,
  attempt: number,
  workerId: string | null,
  claimedAt: number | null,
  cancelReason: string | null,
  cancelRetention: number | null,
]

interface WaitAgain {
  readonly hold?: boolean
  /** 1 gives the attempt back. */
  readonly refund: 0 | 1
  /** Absent: it keeps its former place. */
  readonly runAt?: number
  /** Its wait is one after a failed attempt. */
  readonly retrying?: boolean
}

export type SettleOther = (seq: number, token: number, outcome: Outcome, now: number) => SettleResult

export function createOtherOutcomes(context: StoreContext, counters: Counters, ended: Ended): SettleOther {
  const { connection, lanes, effects } = context
  const read = connection.prepare<ClaimRow>(
    `SELECT seq, token, lane, attempt, ${WORKER_ID_SQL}, claimed_at, cancel_reason, cancel_retention FROM kerja_jobs WHERE ${HELD_UNDER_SQL}`,
  )
  const addCrash = connection.prepare('UPDATE kerja_jobs SET crash_count = crash_count + 1 WHERE seq = ?')
  const { end, waitAgain } = createMoves(context, ended)
  const remember = createRemember(context)

  return (seq, token, outcome, now) => {
    const row = read.row(seq, token)
    if (row === undefined) return 'lost'
    const queue = lanes.find(row[2])[1]
    effects.changed = true
    switch (outcome.outcome) {
      case 'cancel':
        remember(row, 'cancel', null, now)
        end(row, CANCELLED, outcome.reason, now, outcome.retentionMs)
        return 'settled'
      case 'fail':
        remember(row, outcome.crashed ? 'crash' : 'fail', outcome.failure, now)
        if (outcome.crashed) addCrash.run(seq)
        end(row, FAILED, outcome.reason, now, outcome.retentionMs)
        counters.failed(queue)
        return 'settled'
      case 'retry':
        remember(row, 'retry', outcome.failure, now)
        counters.retried(queue)
        return waitAgain(row, { refund: 0, runAt: Math.ceil(now + outcome.delayMs), retrying: true }, now)
      case 'snooze':
        return waitAgain(row, { refund: 1, runAt: Math.ceil(now + outcome.delayMs) }, now)
      case 'release':
        return waitAgain(row, { refund: 1 }, now)
      case 'crash':
        remember(row, 'crash', outcome.failure, now)
        addCrash.run(seq)
        return waitAgain(row, { refund: outcome.burn ? 0 : 1 }, now)
      case 'hold':
        remember(row, 'hold', outcome.failure, now)
        return waitAgain(row, { refund: 1, hold: true }, now)
    }
  }
}

function createMoves({ connection, effects }: StoreContext, ended: Ended) {
  const endRow = connection.prepare('UPDATE kerja_jobs SET state = ?, reason = ?, finished_at = ?, prune_at = ? WHERE seq = ?')
  const putBack = connection.prepare(
    `UPDATE kerja_jobs SET state = CASE WHEN ? OR alone = ${FORWARDED_HELD} THEN ${HELD} ELSE ${WAITING_AGAIN_SQL} END,
      attempt = attempt - ?, run_at = coalesce(?, run_at), failed = max(failed, ?), worker = NULL, lease_until = NULL WHERE seq = ?`,
  )
  const giveBack = connection.prepare('UPDATE kerja_jobs SET worker = NULL, attempt = attempt - ? WHERE seq = ?')

  function end([seq, , lane]: ClaimRow, state: number, reason: string, now: number, retentionMs: number): void {
    const pruneAt = Math.ceil(now + retentionMs)
    endRow.run(state, reason, now, pruneAt, seq)
    ended.add(lane, state, [seq], pruneAt)
  }

  /** Makes the claimed job wait again, unless it may not: then it ends. */
  function waitAgain(row: ClaimRow, { hold = false, refund, runAt, retrying = false }: WaitAgain, now: number): SettleResult {
    const [seq, , , , , , cancelReason, cancelRetention] = row
    if (cancelReason !== null) {
      giveBack.run(refund, seq)
      end(row, CANCELLED, cancelReason, now, cancelRetention ?? 0)
      return 'settled'
    }
    try {
      putBack.run(hold ? 1 : 0, refund, runAt ?? null, retrying ? 1 : 0, seq)
    } catch (error) {
      // While it ran, a newer job took its unique key. The statement alone was undone; this job makes way.
      if (!isConstraint(error)) throw error
      giveBack.run(refund, seq)
      end(row, CANCELLED, 'superseded', now, SUPERSEDED_RETENTION_MS)
      return 'superseded'
    }
    effects.available = true
    return 'settled'
  }

  return { end, waitAgain }
}

/** Keeps the attempt and its failure. */
function createRemember({ connection }: StoreContext) {
  const addAttempt = connection.prepare(
    'INSERT OR REPLACE INTO kerja_attempts (job, token, attempt, worker, started_at, ended_at, outcome, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const setFailure = connection.prepare('UPDATE kerja_payloads SET failure = ? WHERE seq = ?')
  return (
    [seq, token, , attempt, workerId, claimedAt]: ClaimRow,
    outcome: AttemptRecord['outcome'],
    failure: JobFailure | null,
    now: number,
  ): void => {
    const json = failure === null ? null : JSON.stringify(failure)
    addAttempt.run(seq, token, attempt, workerId, claimedAt ?? now, now, outcome, json)
    if (json !== null) setFailure.run(json, seq)
  }
}
