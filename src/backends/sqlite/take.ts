/** Jobs on their way to another store: read in order of arrival, taken, and removed once they are there. */
import type { AttemptRecord } from '../../contract/job.js'
import type { CarriedJob, CarriedPage, Departure, KeyPage, LeaveResult, PageRequest, StandingKey, TakeRequest } from '../../contract/transfer.js'
import type { CarriedRow } from './carried-rows.js'
import { CARRIED_COLUMNS, CARRIED_TABLES, carriedOf } from './carried-rows.js'
import type { StoreContext } from './context.js'
import { decodeFailure, ENDED_SQL, FORWARDED, FORWARDED_HELD, HELD, isWaiting, RUNNING, WAITING_SQL } from './rows.js'
import { createLocate } from './settle.js'
import { encodeLease } from './wire.js'
import { createLiveWorkers } from './worker-numbers.js'

export interface Take {
  take(request: TakeRequest): CarriedPage
  ended(request: PageRequest): CarriedPage
  leave(departures: readonly Departure[]): LeaveResult[]
  keys(limit: number, cursor: string | null): KeyPage
}

/** Numbers that one page looks through: jobs of other states may lie between. */
const WINDOW = 25_000
/** Rows read at once: payloads may be large, and a page is bounded by their size. */
const ROWS_READ = 100

export function createTake(context: StoreContext, forget: (seqs: readonly number[]) => void): Take {
  const { connection } = context
  const liveNumber = createLiveWorkers(connection)
  const read = (states: string) =>
    connection.prepare<CarriedRow>(
      `SELECT ${CARRIED_COLUMNS} FROM ${CARRIED_TABLES} WHERE j.seq > ? AND j.seq <= ? AND j.${states} ORDER BY j.seq LIMIT ?`,
    )
  const pageOfWaiting = createPages(context, read(WAITING_SQL))
  const pageOfEnded = createPages(context, read(ENDED_SQL))
  // The limits of its start stay, and when a worker last claimed it: no worker did now.
  const take = connection.prepare(
    `UPDATE kerja_jobs SET state = ${RUNNING}, token = token + 1, attempt = attempt + 1, lease_until = NULL, worker = ?,
      alone = CASE state WHEN ${HELD} THEN ${FORWARDED_HELD} ELSE ${FORWARDED} END WHERE seq IN (SELECT value FROM json_each(?))`,
  )
  const keysAfter = connection.prepare<[kind: string, key: string, payloadHash: string, jobId: string, expiresAt: number]>(
    'SELECT kind, key, payload_hash, job_id, expires_at FROM kerja_idempotency WHERE (kind, key) > (?, ?) AND expires_at > ? ORDER BY kind, key LIMIT ?',
  )

  return {
    take(request) {
      const worker = liveNumber(request.workerId)
      if (worker === null) return { jobs: [], next: null }
      const { rows, page } = pageOfWaiting(request)
      take.run(worker, JSON.stringify(rows.map(([seq]) => seq)))
      return page
    },
    ended: (request) => pageOfEnded(request).page,
    leave: createLeave(context, forget),
    keys(limit, cursor) {
      const [kind, key] = cursor === null ? ['', ''] : (JSON.parse(cursor) as [string, string])
      const rows = keysAfter.rows(kind, key, context.now(), limit)
      const last = rows.at(-1)
      return {
        keys: rows.map(([kind, key, payloadHash, jobId, expiresAt]) => ({ kind, key, payloadHash, jobId, expiresAt })),
        next: last === undefined || rows.length < limit ? null : JSON.stringify([last[0], last[1]]),
      }
    },
  }
}

interface Read {
  rows(...values: number[]): CarriedRow[]
}

/** Pages of the jobs that `read` finds: in order of arrival, bounded by count, by size and by what is looked through. */
function createPages(
  context: StoreContext,
  read: Read,
): (request: PageRequest) => { readonly rows: readonly CarriedRow[]; readonly page: CarriedPage } {
  const following = context.connection.prepare<[number]>('SELECT seq FROM kerja_jobs WHERE seq > ? ORDER BY seq LIMIT 1')
  const carry = createCarry(context)

  function rowsAfter(after: number, { limit, charactersMax }: PageRequest): { readonly rows: CarriedRow[]; readonly next: number | null } {
    const [first] = following.row(after) ?? []
    if (first === undefined) return { rows: [], next: null }
    const rows: CarriedRow[] = []
    let last = after
    let characters = 0
    while (rows.length < limit) {
      const wanted = Math.min(ROWS_READ, limit - rows.length)
      const found = read.rows(last, first + WINDOW, wanted)
      for (const row of found) {
        characters += row[27].length + (row[28]?.length ?? 0)
        if (rows.length > 0 && characters > charactersMax) return { rows, next: last }
        rows.push(row)
        last = row[0]
      }
      if (found.length < wanted) return { rows, next: first + WINDOW }
    }
    return { rows, next: last }
  }

  return (request) => {
    const { rows, next } = rowsAfter(request.cursor === null ? 0 : Number(request.cursor), request)
    return { rows, page: { jobs: carry(rows), next: next === null ? null : String(next) } }
  }
}

/** Rows with what lies in other tables of few jobs: past attempts and idempotency keys. */
function createCarry({ connection, lanes, now }: StoreContext): (rows: readonly CarriedRow[]) => CarriedJob[] {
  type AttemptRow = readonly [number, number, number, string | null, number, number, AttemptRecord['outcome'], string | null]
  const attempts = connection.prepare<AttemptRow>(
    `SELECT job, attempt, token, worker, started_at, ended_at, outcome, failure FROM kerja_attempts WHERE job IN (SELECT value FROM json_each(?))
      ORDER BY job, token`,
  )
  const keys = connection.prepare<[kind: string, key: string, payloadHash: string, jobId: string, expiresAt: number]>(
    `SELECT kind, key, payload_hash, job_id, expires_at FROM kerja_idempotency INDEXED BY kerja_idempotency_job
      WHERE job_id IN (SELECT value FROM json_each(?)) AND expires_at > ?`,
  )
  return (rows) => {
    const attemptsOf = new Map<number, AttemptRecord[]>()
    for (const [seq, attempt, token, workerId, startedAt, endedAt, outcome, failure] of attempts.rows(JSON.stringify(rows.map(([seq]) => seq))))
      add(attemptsOf, seq, { attempt, token, workerId, startedAt, endedAt, outcome, failure: decodeFailure(failure) })
    const keysOf = new Map<string, StandingKey[]>()
    for (const [kind, key, payloadHash, jobId, expiresAt] of keys.rows(JSON.stringify(rows.map(([, id]) => id)), now()))
      add(keysOf, jobId, { kind, key, payloadHash, jobId, expiresAt })
    return rows.map((row) =>
      carriedOf(row, { lane: lanes.find(row[2]), taken: isWaiting(row[4]), attempts: attemptsOf.get(row[0]) ?? [], keys: keysOf.get(row[1]) ?? [] }),
    )
  }
}

function add<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function createLeave(context: StoreContext, forget: (seqs: readonly number[]) => void): Take['leave'] {
  const { connection, effects } = context
  type Row = readonly [token: number, state: number, finishedAt: number | null, cancelReason: string | null, cancelRetention: number | null]
  const find = connection.prepare<Row>('SELECT token, state, finished_at, cancel_reason, cancel_retention FROM kerja_jobs WHERE seq = ?')
  const locate = createLocate(context)

  /** Null when it may go. */
  function obstacleOf({ token, finishedAt, cancelCarried }: Departure, row: Row | undefined): LeaveResult | null {
    if (row === undefined || row[0] !== token) return 'lost'
    const [, state, endedAt, reason, retentionMs] = row
    if (finishedAt !== null) return endedAt === finishedAt && state !== RUNNING && !isWaiting(state) ? null : 'lost'
    if (state !== RUNNING) return 'lost'
    return reason === null || cancelCarried ? null : { reason, retentionMs: retentionMs ?? 0 }
  }

  return (departures) => {
    const gone = new Set<number>()
    const results = departures.map((departure): LeaveResult => {
      const seq = locate(encodeLease(departure))
      const obstacle = gone.has(seq) ? 'lost' : obstacleOf(departure, find.row(seq))
      if (obstacle === null) gone.add(seq)
      return obstacle ?? 'left'
    })
    if (gone.size > 0) {
      forget([...gone])
      effects.changed = true
    }
    return results
  }
}
