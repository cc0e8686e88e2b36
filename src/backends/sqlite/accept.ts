/** What becomes of jobs that another store hands over: known id, then idempotency key, then unique key, then a job as it was. */
import type { AcceptResult, CarriedJob, StandingKey } from '../../contract/transfer.js'
import { SUPERSEDED_RETENTION_MS, SUSPECT_CRASH_COUNT } from '../../core/state.js'
import { ENDED_AS } from './carried-rows.js'
import type { StoreContext } from './context.js'
import type { Ended } from './ended.js'
import { createHolderChanges } from './holder.js'
import { CANCELLED, encodeTags, HELD, HOLDING_SQL, isWaiting, READY, SUSPECT } from './rows.js'
import { createWorkerNumbers } from './worker-numbers.js'

export interface Accept {
  accept(jobs: readonly CarriedJob[]): AcceptResult[]
  acceptKeys(keys: readonly StandingKey[]): void
}

/** How the job stands here. */
interface Standing {
  readonly state: number
  readonly reason: string | null
  readonly finishedAt: number | null
  readonly pruneAt: number | null
}

export function createAccept(context: StoreContext, ended: Ended): Accept {
  const { connection, lanes, effects } = context
  const byId = connection.prepare('SELECT 1 FROM kerja_payloads WHERE id = ?')
  const winnerOver = createWinner(context)
  const insert = createInsertCarried(context)
  // One that stands stays as it is, unless it stands for the job that is accepted.
  const writeKey = connection.prepare(
    `INSERT INTO kerja_idempotency (kind, key, payload_hash, job_id, expires_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE
      SET payload_hash = excluded.payload_hash, job_id = excluded.job_id, expires_at = excluded.expires_at WHERE expires_at <= ? OR job_id = ?`,
  )

  function acceptKey({ kind, key, payloadHash, jobId, expiresAt }: StandingKey, formerly: string): void {
    if (expiresAt > context.now()) writeKey.run(kind, key, payloadHash, jobId, Math.ceil(expiresAt), context.now(), formerly)
  }

  function acceptOne(job: CarriedJob, now: number): AcceptResult {
    if (byId.row(job.jobId) !== undefined) return { status: 'duplicate' }
    const winner = job.end === null ? winnerOver(job, now) : null
    const standing = standingOf(job, winner, now)
    const lane = lanes.idOf([job.queue, job.kind, job.version])
    const seq = insert(job, standing, lane)
    if (standing.pruneAt !== null) ended.add(lane, standing.state, [seq], standing.pruneAt)
    for (const key of job.idempotency) acceptKey({ ...key, jobId: winner ?? key.jobId }, job.jobId)
    return winner === null ? { status: 'accepted' } : { status: 'superseded', by: winner }
  }

  return {
    accept(jobs) {
      effects.available = effects.changed = true
      return jobs.map((job) => acceptOne(job, context.now()))
    },
    acceptKeys(keys) {
      for (const key of keys) acceptKey(key, '')
    },
  }
}

/** The job here that stands for the same request, or holds the unique key. A key that stands for another payload is another request. */
function createWinner(context: StoreContext): (job: CarriedJob, now: number) => string | null {
  const { connection } = context
  const changes = createHolderChanges(context)
  const standing = connection.prepare<[jobId: string]>(
    'SELECT job_id FROM kerja_idempotency WHERE kind = ? AND key = ? AND payload_hash = ? AND expires_at > ? AND job_id <> ?',
  )
  type Holder = readonly [id: string, seq: number, state: number, lane: number, createdAt: number, runAt: number]
  const holder = connection.prepare<Holder>(
    `SELECT d.id, j.seq, j.state, j.lane, j.created_at, j.run_at FROM kerja_jobs j INDEXED BY kerja_jobs_unique JOIN kerja_payloads d ON d.seq = j.seq
      WHERE unique_kind = ? AND unique_key = ? AND ${HOLDING_SQL}`,
  )

  /** What the enqueue of the job asked of a waiting holder of its unique key, where no store has decided that yet. */
  function yieldTo(job: CarriedJob, [, seq, , lane, createdAt, runAt]: Holder): void {
    const { kind, version, priority, payload, startBy } = job
    const jobRunAt = Math.ceil(job.runAt)
    const replaces = job.unique?.replaces === true && createdAt <= Math.ceil(job.createdAt)
    if (replaces) changes.replace(seq, lane, { kind, version, priority, payload })
    if (job.unique?.debounced === true ? jobRunAt > runAt : replaces) changes.move(seq, jobRunAt, ceil(startBy))
  }

  return (job, now) => {
    const { jobId, kind, unique, idempotency } = job
    for (const { kind: keyKind, key, payloadHash } of idempotency) {
      const stands = standing.row(keyKind, key, payloadHash, now, jobId)
      if (stands !== undefined) return stands[0]
    }
    const found = unique === null ? undefined : holder.row(kind, unique.key)
    if (found !== undefined && isWaiting(found[2])) yieldTo(job, found)
    return found?.[0] ?? null
  }
}

function standingOf({ end, holdReason, crashCount }: CarriedJob, winner: string | null, now: number): Standing {
  if (end !== null)
    return { state: ENDED_AS[end.state], reason: end.reason, finishedAt: Math.ceil(end.finishedAt), pruneAt: Math.ceil(end.keepUntil) }
  if (winner !== null) return { state: CANCELLED, reason: `superseded by ${winner}`, finishedAt: now, pruneAt: now + SUPERSEDED_RETENTION_MS }
  const state = holdReason === 'invalid' ? HELD : crashCount >= SUSPECT_CRASH_COUNT ? SUSPECT : READY
  return { state, reason: null, finishedAt: null, pruneAt: null }
}

const ceil = (at: number | null): number | null => (at === null ? null : Math.ceil(at))

/** Writes the job's rows and gives its number. */
function createInsertCarried({ connection, sequence }: StoreContext): (job: CarriedJob, standing: Standing, lane: number) => number {
  const insertJob = connection.prepare(
    `INSERT INTO kerja_jobs (seq, lane, priority, state, run_at, token, attempt, max_attempts, crash_count, failed, created_at, claimed_at, finished_at,
      prune_at, deadline, give_up_at, start_by, worker, unique_kind, unique_key, unique_live, reason)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertPayload = connection.prepare(
    'INSERT INTO kerja_payloads (seq, id, payload, job_group, tags, parent, tick_schedule, tick_at, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const numberOf = createWorkerNumbers(connection)
  const keepResult = connection.prepare('INSERT INTO kerja_results (seq, result) VALUES (?, ?)')
  const addAttempt = connection.prepare(
    'INSERT INTO kerja_attempts (job, token, attempt, worker, started_at, ended_at, outcome, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )

  return (job, { state, reason, finishedAt, pruneAt }, lane) => {
    const seq = sequence.next()
    const { jobId, group, parentId, tick, failure, unique } = job
    const [startBy, giveUpAt] = [ceil(job.startBy), ceil(job.giveUpAt)]
    const bound = job.claimedAt === null && startBy !== null ? Math.min(startBy, giveUpAt ?? startBy) : giveUpAt
    const failed = failure === null ? null : JSON.stringify(failure)
    insertPayload.run(seq, jobId, job.payload, group, encodeTags(job.tags), parentId, tick?.schedule ?? null, tick?.instant ?? null, failed)
    const counted = [job.token, job.attempt, job.maxAttempts, job.crashCount, job.retrying ? 1 : 0] as const
    const times = [Math.ceil(job.createdAt), ceil(job.claimedAt), finishedAt, pruneAt, bound, giveUpAt, startBy] as const
    const workerId = job.end?.workerId ?? null
    const worker = workerId === null ? null : numberOf(workerId)
    const keyed = unique === null ? [null, null, null] : [job.kind, unique.key, unique.scope === 'live' ? 1 : 0]
    insertJob.run(seq, lane, job.priority, state, Math.ceil(job.runAt), ...counted, ...times, worker, ...keyed, reason)
    const result = job.end?.result ?? null
    if (result !== null) keepResult.run(seq, result)
    for (const { token, attempt, workerId, startedAt, endedAt, outcome, failure: cause } of job.attempts)
      addAttempt.run(seq, token, attempt, workerId, Math.ceil(startedAt), Math.ceil(endedAt), outcome, cause === null ? null : JSON.stringify(cause))
    return seq
  }
}
