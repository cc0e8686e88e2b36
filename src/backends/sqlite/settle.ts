/** Ending claims: only the holder of the current token, and only once. */
import type { AttemptRecord, JobFailure, SettleResult } from '../../contract/job.js'
import { SUPERSEDED_RETENTION_MS } from '../../core/state.js'
import type { StoreContext } from './context.js'
import type { Counters } from './counters.js'
import { isConstraint } from './faults.js'
import type { Push } from './push.js'
import { CANCELLED, COMPLETED, FAILED, HELD, RUNNING, WAITING_AGAIN_SQL } from './rows.js'
import type { WireLease, WireSettlement } from './wire.js'

/** The claim as it stands while it is settled. */
type ClaimRow = readonly [
  seq: number,
  lane: number,
  attempt: number,
  worker: string | null,
  claimedAt: number,
  cancelReason: string | null,
  cancelRetention: number | null,
]
type Outcome = NonNullable<WireSettlement[6]>

/** The fence of every write: the row, unless its number went to another job, while this token is current. */
export const HELD_UNDER_SQL = `seq = ? AND id = ? AND token = ? AND state = ${RUNNING}`

export type Settle = (settlements: readonly WireSettlement[]) => SettleResult[]

export function createSettle(context: StoreContext, push: Push, counters: Counters): Settle {
  const { connection, lanes, effects } = context
  const complete = connection.prepare<[number]>(
    `UPDATE kerja_jobs SET state = ${COMPLETED}, result = ?, finished_at = ?, prune_at = ?, reason = NULL WHERE ${HELD_UNDER_SQL} RETURNING lane`,
  )
  const seqOf = createSeqOf(context)
  const settleOther = createOtherOutcomes(context, counters)

  function settleOne([seq, id, token, result, retentionMs, enqueue, outcome]: WireSettlement, now: number): SettleResult {
    const lease: WireLease = [seq ?? seqOf(id), id, token]
    if (outcome !== null) return settleOther(lease, outcome, now)
    const row = complete.row(result, now, Math.ceil(now + retentionMs), ...lease)
    if (row === undefined) return 'lost'
    counters.completed(lanes.find(row[0])[1])
    effects.changed = true
    if (enqueue !== null) push(enqueue)
    return 'settled'
  }

  return (settlements) => {
    const now = context.now()
    return settlements.map((settlement) => settleOne(settlement, now))
  }
}

/** A lease made by hand carries no row number. */
export function createSeqOf({ connection }: StoreContext): (id: string) => number {
  const bySeq = connection.prepare<[number]>('SELECT seq FROM kerja_jobs WHERE id = ?')
  return (id) => bySeq.row(id)?.[0] ?? -1
}

function createOtherOutcomes(context: StoreContext, counters: Counters) {
  const { connection, lanes, effects } = context
  const read = connection.prepare<ClaimRow>(
    `SELECT seq, lane, attempt, worker, claimed_at, cancel_reason, cancel_retention FROM kerja_jobs WHERE ${HELD_UNDER_SQL}`,
  )
  const end = connection.prepare(
    'UPDATE kerja_jobs SET state = ?, reason = ?, finished_at = ?, prune_at = ?, failure = coalesce(?, failure), crash_count = crash_count + ? WHERE seq = ?',
  )
  const putBack = connection.prepare(
    `UPDATE kerja_jobs SET state = CASE WHEN ? THEN ${HELD} ELSE ${WAITING_AGAIN_SQL} END, attempt = attempt - ?, run_at = coalesce(?, run_at),
      failed = coalesce(?, failed), worker = NULL, lease_until = NULL WHERE seq = ?`,
  )
  const note = connection.prepare('UPDATE kerja_jobs SET failure = coalesce(?, failure), crash_count = crash_count + ? WHERE seq = ?')
  const clearWorker = connection.prepare('UPDATE kerja_jobs SET worker = NULL, attempt = attempt - ? WHERE seq = ?')
  const remember = connection.prepare(
    'INSERT OR REPLACE INTO kerja_attempts (job, token, attempt, worker, started_at, ended_at, outcome, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )

  function recordAttempt(row: ClaimRow, token: number, outcome: AttemptRecord['outcome'], failure: string | null, now: number): void {
    remember.run(row[0], token, row[2], row[3], row[4], now, outcome, failure)
  }

  /** Makes the claimed job wait again, unless it may not: then it ends. */
  function waitAgain(row: ClaimRow, back: WaitAgain, now: number): SettleResult {
    const [seq, , , , , cancelReason, cancelRetention] = row
    if (cancelReason !== null) {
      clearWorker.run(back.refund, seq)
      end.run(CANCELLED, cancelReason, now, now + (cancelRetention ?? 0), null, 0, seq)
      return 'settled'
    }
    try {
      putBack.run(back.hold ? 1 : 0, back.refund, back.runAt, back.failed, seq)
    } catch (error) {
      // While it ran, a newer job took its unique key. The statement alone was undone; this job makes way.
      if (!isConstraint(error)) throw error
      clearWorker.run(back.refund, seq)
      end.run(CANCELLED, 'superseded', now, now + SUPERSEDED_RETENTION_MS, null, 0, seq)
      return 'superseded'
    }
    effects.available = true
    return 'settled'
  }

  return (lease: WireLease, outcome: Outcome, now: number): SettleResult => {
    const row = read.row(...lease)
    if (row === undefined) return 'lost'
    const [seq, lane] = row
    const token = lease[2]
    effects.changed = true
    switch (outcome.outcome) {
      case 'cancel':
        recordAttempt(row, token, 'cancel', null, now)
        end.run(CANCELLED, outcome.reason, now, Math.ceil(now + outcome.retentionMs), null, 0, seq)
        return 'settled'
      case 'fail': {
        const failure = encodeFailure(outcome.failure)
        recordAttempt(row, token, outcome.crashed ? 'crash' : 'fail', failure, now)
        end.run(FAILED, outcome.reason, now, Math.ceil(now + outcome.retentionMs), failure, outcome.crashed ? 1 : 0, seq)
        counters.failed(lanes.find(lane)[1])
        return 'settled'
      }
      case 'retry': {
        const failure = encodeFailure(outcome.failure)
        recordAttempt(row, token, 'retry', failure, now)
        note.run(failure, 0, seq)
        counters.retried(lanes.find(lane)[1])
        return waitAgain(row, { hold: false, refund: 0, runAt: Math.ceil(now + outcome.delayMs), failed: 1 }, now)
      }
      case 'snooze':
        return waitAgain(row, { hold: false, refund: 1, runAt: Math.ceil(now + outcome.delayMs), failed: null }, now)
      case 'release':
        return waitAgain(row, { hold: false, refund: 1, runAt: null, failed: null }, now)
      case 'crash': {
        const failure = encodeFailure(outcome.failure)
        recordAttempt(row, token, 'crash', failure, now)
        note.run(failure, 1, seq)
        return waitAgain(row, { hold: false, refund: outcome.burn ? 0 : 1, runAt: null, failed: null }, now)
      }
      case 'hold': {
        const failure = encodeFailure(outcome.failure)
        recordAttempt(row, token, 'hold', failure, now)
        note.run(failure, 0, seq)
        return waitAgain(row, { hold: true, refund: 1, runAt: null, failed: null }, now)
      }
    }
  }
}

interface WaitAgain {
  readonly hold: boolean
  /** 1 gives the attempt back. */
  readonly refund: 0 | 1
  /** Null keeps its former place. */
  readonly runAt: number | null
  /** 1 marks it `retryable`; null leaves the mark as it is. */
  readonly failed: 1 | null
}

const encodeFailure = (failure: JobFailure): string => JSON.stringify(failure)
