/** The ledger's reading side: get, attempts, logs; and its fenced writes. */
import type { AttemptRecord, JobRecord, LogLine } from '../../contract/job.js'
import type { LedgerWrite } from '../../contract/ledger.js'
import type { StoreContext } from './context.js'
import type { LaneHolds } from './lane-holds.js'
import { decodeFailure, HELD_UNDER_SQL, RECORD_COLUMNS, RECORD_TABLES, type RecordRow, recordOf } from './rows.js'
import { createLocate } from './settle.js'
import type { WireLease } from './wire.js'

export interface WireLedgerWrite {
  readonly lease: WireLease
  readonly progress: LedgerWrite['progress']
  readonly lines: LedgerWrite['lines']
}

export interface LedgerStore {
  get(ids: readonly string[]): (JobRecord | null)[]
  attempts(id: string): AttemptRecord[]
  logs(id: string, request: { readonly limit: number; readonly after: number }): { readonly lines: LogLine[]; readonly next: number }
  record(writes: readonly WireLedgerWrite[], limits: { readonly logLinesMax: number }): ('recorded' | 'lost')[]
}

type AttemptRow = readonly [
  attempt: number,
  token: number,
  worker: string | null,
  startedAt: number,
  endedAt: number,
  outcome: AttemptRecord['outcome'],
  failure: string | null,
]

export function createLedgerStore(context: StoreContext, holds: LaneHolds): LedgerStore {
  const { connection } = context
  const byId = connection.prepare<RecordRow>(`SELECT ${RECORD_COLUMNS} FROM ${RECORD_TABLES} WHERE d.id = ?`)
  const locate = createLocate(context)
  const seqOf = (id: string): number => locate([null, 0, id, 0])
  const attempts = connection.prepare<AttemptRow>(
    'SELECT attempt, token, worker, started_at, ended_at, outcome, failure FROM kerja_attempts WHERE job = ? ORDER BY token',
  )
  const lines = connection.prepare<[number, number, LogLine['level'], string]>(
    'SELECT line, at, level, message FROM kerja_logs WHERE job = ? AND line > ? ORDER BY line LIMIT ?',
  )
  return {
    get(ids) {
      const now = context.now()
      const laneFacts = holds.read()
      return ids.map((id) => {
        const row = byId.row(id)
        return row === undefined ? null : recordOf(row, laneFacts(row[2]), now)
      })
    },
    attempts: (id) =>
      attempts.rows(seqOf(id)).map(([attempt, token, workerId, startedAt, endedAt, outcome, failure]) => ({
        attempt,
        token,
        workerId,
        startedAt,
        endedAt,
        outcome,
        failure: decodeFailure(failure),
      })),
    logs(id, { limit, after }) {
      const rows = lines.rows(seqOf(id), after, limit)
      return { lines: rows.map(([, at, level, message]) => ({ at, level, message })), next: rows.at(-1)?.[0] ?? after }
    },
    record: createRecord(context, locate),
  }
}

function createRecord(context: StoreContext, locate: ReturnType<typeof createLocate>): LedgerStore['record'] {
  const { connection, effects } = context
  const held = connection.prepare(`SELECT 1 FROM kerja_jobs WHERE ${HELD_UNDER_SQL}`)
  const setProgress = connection.prepare('REPLACE INTO kerja_progress (job, token, fraction, message, at) VALUES (?, ?, ?, ?, ?)')
  const lastLine = connection.prepare<[number | null]>('SELECT max(line) FROM kerja_logs WHERE job = ?')
  const addLine = connection.prepare('INSERT INTO kerja_logs (job, line, at, level, message) VALUES (?, ?, ?, ?, ?)')
  const dropLines = connection.prepare('DELETE FROM kerja_logs WHERE job = ? AND line <= ?')

  function addLines(seq: number, added: readonly LogLine[], linesMax: number): void {
    let last = lastLine.row(seq)?.[0] ?? 0
    for (const line of added) {
      last += 1
      addLine.run(seq, last, Math.ceil(line.at), line.level, line.message)
    }
    // The newest lines tell how it ended: the oldest make room.
    if (last > linesMax) dropLines.run(seq, last - linesMax)
  }

  return (writes, { logLinesMax }) => {
    const now = context.now()
    return writes.map(({ lease, progress, lines }) => {
      const seq = locate(lease)
      const token = lease[3]
      if (held.row(seq, token) === undefined) return 'lost'
      if (progress !== undefined) setProgress.run(seq, token, progress.fraction, progress.message, now)
      if (lines !== undefined) addLines(seq, lines, logLinesMax)
      effects.changed = true
      return 'recorded'
    })
  }
}
