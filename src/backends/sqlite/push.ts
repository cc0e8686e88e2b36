/** What becomes of a pushed job: same id, then idempotency key, then unique key, then a new job. */
import type { NewJobIdempotency, NewJobUnique, PushResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import { HELD, HOLDING_SQL, isWaiting, READY, WAITING_AGAIN_SQL } from './rows.js'
import type { WireJob, WirePushResult } from './wire.js'

/** The few columns that a plain job needs: most jobs have no more, and each bound value costs. */
const INSERT_PLAIN = `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at) VALUES (?, ?, ?, ${READY}, ?, ?, ?)`
const INSERT_FULL = `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, max_attempts, created_at, deadline, give_up_at, start_by,
  unique_kind, unique_key, unique_live) VALUES (?, ?, ?, ${READY}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const PAYLOAD_PLAIN = 'INSERT INTO kerja_payloads (seq, id, payload) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING'
const PAYLOAD_FULL = `INSERT INTO kerja_payloads (seq, id, payload, job_group, tags, parent, tick_schedule, tick_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

/** The deadline of a job never claimed, from the columns that bound it. */
export const DEADLINE_SQL = `CASE WHEN token > 0 OR start_by IS NULL THEN give_up_at WHEN give_up_at IS NULL THEN start_by ELSE min(start_by, give_up_at) END`

/** One result per job, in order. No job's outcome depends on its neighbours', except that an equal id or key earlier in the list counts. */
export type Push = (jobs: readonly WireJob[]) => WirePushResult[]

export function createPush(context: StoreContext): Push {
  const { connection, lanes, sequence } = context
  const insertPlain = connection.prepare(INSERT_PLAIN)
  const insertFull = connection.prepare(INSERT_FULL)
  const payloadPlain = connection.prepare(PAYLOAD_PLAIN)
  const payloadFull = connection.prepare(PAYLOAD_FULL)
  const pushKeyed = createKeyedPush(context, create)

  /** False when the id is taken. */
  function create(job: WireJob, now: number): boolean {
    const seq = sequence.next()
    const [id, queue, kind, version, priority, payload, , , maxAttempts, giveUpAfterMs, , group, tags, parent, tickSchedule, tickInstant, , unique] =
      job
    const bare = group === null && tags === null && parent === null && tickSchedule === null
    // The id is unique there, and a duplicate is found before anything else is written.
    const created = bare ? payloadPlain.run(seq, id, payload) : payloadFull.run(seq, id, payload, group, tags, parent, tickSchedule, tickInstant)
    if (created === 0) return false
    const lane = lanes.idOf(queue, kind, version)
    const runAt = runAtOf(job, now)
    const startBy = startByOf(job, now)
    if (giveUpAfterMs === null && startBy === null && unique === null) {
      insertPlain.run(seq, lane, priority, runAt, maxAttempts, now)
      return true
    }
    const giveUpAt = giveUpAfterMs === null ? null : Math.ceil(now + giveUpAfterMs)
    const deadline = giveUpAt === null || startBy === null ? (giveUpAt ?? startBy) : Math.min(giveUpAt, startBy)
    const keyed = unique === null ? [null, null, null] : [kind, unique.key, unique.scope === 'live' ? 1 : 0]
    insertFull.run(seq, lane, priority, runAt, maxAttempts, now, deadline, giveUpAt, startBy, ...keyed)
    return true
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
  const byId = connection.prepare('SELECT 1 FROM kerja_payloads WHERE id = ?')
  const standing = connection.prepare<[string, string, number]>(
    'SELECT payload_hash, job_id, expires_at FROM kerja_idempotency WHERE kind = ? AND key = ?',
  )
  const remember = connection.prepare('REPLACE INTO kerja_idempotency (kind, key, payload_hash, job_id, expires_at) VALUES (?, ?, ?, ?, ?)')
  const holder = connection.prepare<[number, string, number, number]>(
    `SELECT j.seq, d.id, j.state, j.lane FROM kerja_jobs j INDEXED BY kerja_jobs_unique JOIN kerja_payloads d ON d.seq = j.seq
      WHERE unique_kind = ? AND unique_key = ? AND ${HOLDING_SQL}`,
  )
  const move = connection.prepare(`UPDATE kerja_jobs SET run_at = ?, start_by = ? WHERE seq = ?`)
  const setDeadline = connection.prepare(`UPDATE kerja_jobs SET deadline = ${DEADLINE_SQL} WHERE seq = ?`)
  const setPayload = connection.prepare('UPDATE kerja_payloads SET payload = ? WHERE seq = ?')
  const replace = connection.prepare(
    `UPDATE kerja_jobs SET lane = ?, priority = ?, state = CASE state WHEN ${HELD} THEN ${WAITING_AGAIN_SQL} ELSE state END WHERE seq = ?`,
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
      setPayload.run(job[5], seq)
      replace.run(lanes.idOf(queue, job[2], job[3]), job[4], seq)
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
