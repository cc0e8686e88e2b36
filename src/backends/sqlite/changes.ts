/** What people do to jobs: cancel, retry, remove, update. */
import type { ChangeResult, JobChanges } from '../../contract/ledger.js'
import { SUSPECT_CRASH_COUNT } from '../../core/state.js'
import type { StoreContext } from './context.js'
import type { Ended } from './ended.js'
import { isConstraint } from './faults.js'
import { DEADLINE_SQL } from './insert.js'
import { CANCELLED, COMPLETED, encodeTags, HELD, isWaiting, RUNNING, WAITING_AGAIN_SQL } from './rows.js'

type Row = readonly [seq: number, state: number, lane: number, createdAt: number, runAt: number, startBy: number | null]

export interface Changes {
  cancel(ids: readonly string[], request: { readonly reason: string; readonly retentionMs: number }): ChangeResult[]
  retry(ids: readonly string[]): ChangeResult[]
  remove(ids: readonly string[]): ChangeResult[]
  update(id: string, changes: JobChanges): ChangeResult
}

/** `remove` takes a job's traces in the other tables with it. */
export type Forget = (seqs: readonly number[]) => void

export function createChanges(context: StoreContext, ended: Ended, forget: Forget): Changes {
  const { connection, effects } = context
  const find = connection.prepare<Row>(
    'SELECT j.seq, j.state, j.lane, j.created_at, j.run_at, j.start_by FROM kerja_payloads d JOIN kerja_jobs j ON j.seq = d.seq WHERE d.id = ?',
  )
  const end = connection.prepare(`UPDATE kerja_jobs SET state = ${CANCELLED}, reason = ?, finished_at = ?, prune_at = ? WHERE seq = ?`)
  // The first request stands: its reason is the one the job ends with.
  const ask = connection.prepare('UPDATE kerja_jobs SET cancel_reason = ?, cancel_retention = ? WHERE seq = ? AND cancel_reason IS NULL')
  // A suspect stays one, with all of its lonely tries before it: whoever retries it may be wrong about the cure.
  // Limits counted from the push have no meaning for a job that somebody wants to run now.
  const again = connection.prepare(
    `UPDATE kerja_jobs SET state = ${WAITING_AGAIN_SQL}, run_at = ?, attempt = 0, crash_count = min(crash_count, ${SUSPECT_CRASH_COUNT}), failed = 0,
      cancel_reason = NULL, cancel_retention = NULL, reason = NULL, finished_at = NULL, prune_at = NULL, worker = NULL, start_by = NULL,
      give_up_at = NULL, deadline = NULL WHERE seq = ?`,
  )
  const updateRow = createUpdate(context)

  function eachFound(ids: readonly string[], change: (row: Row) => ChangeResult): ChangeResult[] {
    return ids.map((id) => {
      const row = find.row(id)
      const result = row === undefined ? 'unknown' : change(row)
      if (result === 'changed') effects.changed = true
      return result
    })
  }

  return {
    cancel(ids, { reason, retentionMs }) {
      const now = context.now()
      return eachFound(ids, ([seq, state, lane]) => {
        if (state === RUNNING) {
          ask.run(reason, Math.ceil(retentionMs), seq)
          return 'requested'
        }
        if (!isWaiting(state)) return 'unchanged'
        const pruneAt = Math.ceil(now + retentionMs)
        end.run(reason, now, pruneAt, seq)
        ended.add(lane, CANCELLED, [seq], pruneAt)
        return 'changed'
      })
    },
    retry(ids) {
      const now = context.now()
      return eachFound(ids, ([seq, state, lane]) => {
        if (state === RUNNING || state === COMPLETED) return 'unchanged'
        try {
          again.run(now, seq)
        } catch (error) {
          // Another job holds its unique key. The statement alone was undone.
          if (isConstraint(error)) return 'conflict'
          throw error
        }
        if (!isWaiting(state)) ended.subtract(lane, state, 1)
        effects.available = true
        return 'changed'
      })
    },
    remove(ids) {
      return eachFound(ids, ([seq, state]) => {
        if (state === RUNNING) return 'unchanged'
        forget([seq])
        return 'changed'
      })
    },
    update(id, changes) {
      const [result] = eachFound([id], (row) => {
        if (!isWaiting(row[1])) return 'unchanged'
        updateRow(row, changes)
        effects.available = true
        return 'changed'
      })
      return result as ChangeResult
    },
  }
}

function createUpdate(context: StoreContext): (row: Row, changes: JobChanges) => void {
  const { connection, lanes } = context
  const set = connection.prepare(
    `UPDATE kerja_jobs SET lane = ?, priority = coalesce(?, priority), max_attempts = coalesce(?, max_attempts),
      run_at = ?, start_by = ?, state = CASE WHEN state = ${HELD} AND ? THEN ${WAITING_AGAIN_SQL} ELSE state END WHERE seq = ?`,
  )
  const setDeadline = connection.prepare(`UPDATE kerja_jobs SET deadline = ${DEADLINE_SQL} WHERE seq = ?`)
  const setPayload = connection.prepare('UPDATE kerja_payloads SET payload = ? WHERE seq = ?')
  const setTags = connection.prepare('UPDATE kerja_payloads SET tags = ? WHERE seq = ?')

  return ([seq, , laneId, createdAt, oldRunAt, oldStartBy], changes) => {
    const [, queue, kind, oldVersion] = lanes.find(laneId)
    const lane = changes.version === undefined || changes.version === oldVersion ? laneId : lanes.idOf([queue, kind, changes.version])
    const asked = changes.runAt ?? (changes.delayMs === undefined ? undefined : context.now() + changes.delayMs)
    const runAt = asked === undefined ? oldRunAt : Math.ceil(asked)
    // The start limit counts from the run time, so it moves along.
    const startBy = oldStartBy === null ? null : oldStartBy + Math.max(createdAt, runAt) - Math.max(createdAt, oldRunAt)
    // A new payload is a new chance to parse.
    const lifted = changes.payload !== undefined || changes.version !== undefined ? 1 : 0
    set.run(lane, changes.priority ?? null, changes.maxAttempts ?? null, runAt, startBy, lifted, seq)
    setDeadline.run(seq)
    if (changes.payload !== undefined) setPayload.run(changes.payload, seq)
    if (changes.tags !== undefined) setTags.run(encodeTags(changes.tags), seq)
  }
}
