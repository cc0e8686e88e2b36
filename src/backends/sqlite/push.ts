/** What becomes of a pushed job: same id, then idempotency key, then unique key, then a new job. */
import type { NewJobIdempotency, NewJobUnique, PushResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import { HELD, HOLDING_SQL, isWaiting, READY } from './rows.js'
import type { WireJob, WirePushResult } from './wire.js'

/** The few columns that a plain job needs: most jobs have no more, and each bound value costs. */
const INSERT_PLAIN = `INSERT INTO kerja_jobs (id, lane, priority, state, run_at, max_attempts, created_at, payload)
  VALUES (?, ?, ?, ${READY}, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

const INSERT_FULL = `INSERT INTO kerja_jobs (id, lane, priority, state, run_at, max_attempts, created_at, payload, deadline, give_up_at, start_by,
  job_group, tags, parent, tick_schedule, tick_at, unique_kind, unique_key, unique_live)
  VALUES (?, ?, ?, ${READY}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

/** The deadline of a job never claimed, from the columns that bound it. */
export const DEADLINE_SQL = `CASE WHEN token > 0 OR start_by IS NULL THEN give_up_at WHEN give_up_at IS NULL THEN start_by ELSE min(start_by, give_up_at) END`

/** One result per job, in order. No job's outcome depends on its neighbours', except that an equal id or key earlier in the list counts. */
export type Push = (jobs: readonly WireJob[]) => WirePushResult[]

export function createPush(context: StoreContext): Push {
  const { connection, lanes } = context
  const insertPlain = connection.prepare(INSERT_PLAIN)
  const insertFull = connection.prepare(INSERT_FULL)
  const pushKeyed = createKeyedPush(context, create)

  /** False when the id is taken. */
  function create(job: WireJob, now: number): boolean {
    const lane = lanes.idOf(job[1], job[2], job[3])
    const runAt = runAtOf(job, now)
    const plain =
      job[9] === null && job[10] === null && job[11] === null && job[12] === null && job[13] === null && job[14] === null && job[17] === null
    if (plain) return insertPlain.run(job[0], lane, job[4], runAt, job[8], now, job[5]) === 1
    const giveUpAt = job[9] === null ? null : Math.ceil(now + job[9])
    const startBy = startByOf(job, now)
    const deadline = giveUpAt === null || startBy === null ? (giveUpAt ?? startBy) : Math.min(giveUpAt, startBy)
    const unique = job[17]
    const keyed = unique === null ? [null, null, null] : [job[2], unique.key, unique.scope === 'live' ? 1 : 0]
    const [, , , , priority, payload, , , maxAttempts, , , group, tags, parent, tickSchedule, tickInstant] = job
    const values = [job[0], lane, priority, runAt, maxAttempts, now, payload, deadline, giveUpAt, startBy]
    return insertFull.run(...values, group, tags, parent, tickSchedule, tickInstant, ...keyed) === 1
  }

  return (jobs) => {
    const now = context.now()
    if (jobs.length > 0) context.effects.available = true
    return jobs.map((job) => {
      if (job[16] !== null || job[17] !== null) return pushKeyed(job, now)
      return create(job, now) ? null : { status: 'duplicate', id: job[0] }
    })
  }
}

const runAtOf = (job: WireJob, now: number): number => {
  const debounceMs = job[17]?.debounceMs ?? null
  // A fraction of a ms is rounded up: a job never starts early.
  return Math.ceil(debounceMs === null ? (job[7] ?? now + job[6]) : now + debounceMs)
}

const startByOf = (job: WireJob, now: number): number | null => (job[10] === null ? null : Math.ceil(Math.max(now, runAtOf(job, now)) + job[10]))

function createKeyedPush(context: StoreContext, create: (job: WireJob, now: number) => boolean): (job: WireJob, now: number) => WirePushResult {
  const { connection, lanes } = context
  const byId = connection.prepare('SELECT 1 FROM kerja_jobs WHERE id = ?')
  const standing = connection.prepare<[string, string, number]>(
    'SELECT payload_hash, job_id, expires_at FROM kerja_idempotency WHERE kind = ? AND key = ?',
  )
  const remember = connection.prepare('REPLACE INTO kerja_idempotency (kind, key, payload_hash, job_id, expires_at) VALUES (?, ?, ?, ?, ?)')
  const holder = connection.prepare<[number, string, number, number]>(
    `SELECT seq, id, state, lane FROM kerja_jobs INDEXED BY kerja_jobs_unique WHERE unique_kind = ? AND unique_key = ? AND ${HOLDING_SQL}`,
  )
  const move = connection.prepare(`UPDATE kerja_jobs SET run_at = ?, start_by = ? WHERE seq = ?`)
  const setDeadline = connection.prepare(`UPDATE kerja_jobs SET deadline = ${DEADLINE_SQL} WHERE seq = ?`)
  const replace = connection.prepare(
    `UPDATE kerja_jobs SET payload = ?, lane = ?, priority = ?, state = CASE state WHEN ${HELD} THEN ${READY} ELSE state END WHERE seq = ?`,
  )

  function moveTo(seq: number, job: WireJob, now: number): void {
    move.run(runAtOf(job, now), startByOf(job, now), seq)
    setDeadline.run(seq)
  }

  /** The answer when the idempotency key was used before and has not run out. */
  function standingFor(job: WireJob, { key, payloadHash }: NewJobIdempotency, now: number): PushResult | null {
    const [hash, id, expiresAt] = standing.row(job[2], key) ?? ['', '', 0]
    if (expiresAt <= now) return null
    return hash === payloadHash ? { status: 'duplicate', id } : { status: 'conflict', on: 'idempotency', id }
  }

  function pushUnique(job: WireJob, unique: NewJobUnique, now: number): WirePushResult {
    const taken = holder.row(job[2], unique.key)
    if (taken === undefined) return create(job, now) ? null : { status: 'duplicate', id: job[0] }
    const [seq, id, state, lane] = taken
    if (unique.whenTaken === 'reject') return { status: 'conflict', on: 'unique', id }
    // A running holder keeps what it runs with: only a waiting job can be moved or replaced.
    if (!isWaiting(state)) return { status: 'duplicate', id }
    if (unique.whenTaken === 'replace') {
      const [, queue] = lanes.find(lane)
      replace.run(job[5], lanes.idOf(queue, job[2], job[3]), job[4], seq)
      moveTo(seq, job, now)
      return { status: 'replaced', id }
    }
    if (unique.debounceMs !== null) moveTo(seq, job, now)
    return { status: 'duplicate', id }
  }

  return (job, now) => {
    const [id] = job
    const idempotency = job[16]
    const unique = job[17]
    if (byId.row(id) !== undefined) return { status: 'duplicate', id }
    const answer = idempotency === null ? null : standingFor(job, idempotency, now)
    if (answer !== null) return answer
    const result = unique === null ? (create(job, now) ? null : ({ status: 'duplicate', id } as const)) : pushUnique(job, unique, now)
    if (idempotency !== null && result?.status !== 'conflict')
      remember.run(job[2], idempotency.key, idempotency.payloadHash, result?.id ?? id, Math.ceil(now + idempotency.ttlMs))
    return result
  }
}
