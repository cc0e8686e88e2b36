/** What becomes of a pushed job: same id, then idempotency key, then unique key, then a new job. */
import type { NewJobIdempotency, NewJobUnique, PushResult } from '../../contract/job.js'
import type { StoreContext } from './context.js'
import { createHolderChanges } from './holder.js'
import { createInsert, createPlainInsert, type Insert, runAtOf, startByOf } from './insert.js'
import { HOLDING_SQL, isWaiting } from './rows.js'
import { isPlain, rareFieldsOf, type WireJob, type WirePushResult } from './wire.js'

/** One result per job, in order. No job's outcome depends on its neighbours', except that an equal id or key earlier in the list counts. */
export type Push = (jobs: readonly WireJob[]) => WirePushResult[]

export function createPush(context: StoreContext): Push {
  const insert = createInsert(context)
  const plain = createPlainInsert(context)
  const pushKeyed = createKeyedPush(context, insert)

  return (jobs) => {
    const now = context.now()
    if (jobs.length > 0) context.effects.available = true
    const results: WirePushResult[] = []
    const duplicate = (position: number): PushResult => ({ status: 'duplicate', id: (jobs[position] as WireJob)[0] })
    const flush = (): void => {
      for (const position of plain.flush()) results[position] = duplicate(position)
    }
    try {
      for (const [position, job] of jobs.entries()) {
        if (isPlain(job)) {
          plain.add(job, now, position)
          results.push(null)
          continue
        }
        // Its id or key may be that of an earlier one.
        flush()
        const { idempotency, unique } = rareFieldsOf(job)
        if (idempotency !== null || unique !== null) results.push(pushKeyed(job, now))
        else results.push(insert(job, now) ? null : duplicate(position))
      }
      flush()
      return results
    } finally {
      plain.forget()
    }
  }
}

function createKeyedPush(context: StoreContext, insert: Insert): (job: WireJob, now: number) => WirePushResult {
  const { connection } = context
  const byId = connection.prepare('SELECT 1 FROM kerja_payloads WHERE id = ?')
  const standing = connection.prepare<[string, string, number]>(
    'SELECT payload_hash, job_id, expires_at FROM kerja_idempotency WHERE kind = ? AND key = ?',
  )
  const remember = connection.prepare('REPLACE INTO kerja_idempotency (kind, key, payload_hash, job_id, expires_at) VALUES (?, ?, ?, ?, ?)')
  const holder = connection.prepare<[number, string, number, number]>(
    `SELECT j.seq, d.id, j.state, j.lane FROM kerja_jobs j INDEXED BY kerja_jobs_unique JOIN kerja_payloads d ON d.seq = j.seq
      WHERE unique_kind = ? AND unique_key = ? AND ${HOLDING_SQL}`,
  )
  const changes = createHolderChanges(context)
  const moveTo = (seq: number, job: WireJob, now: number): void => changes.move(seq, runAtOf(job, now), startByOf(job, now))

  /** The answer when the idempotency key was used before and has not run out. */
  function standingFor(kind: string, { key, payloadHash }: NewJobIdempotency, now: number): PushResult | null {
    const [hash, id, expiresAt] = standing.row(kind, key) ?? ['', '', 0]
    if (expiresAt <= now) return null
    return hash === payloadHash ? { status: 'duplicate', id } : { status: 'conflict', on: 'idempotency', id }
  }

  function pushUnique(job: WireJob, unique: NewJobUnique, now: number): WirePushResult {
    const [ownId, [, kind, version], priority, payload] = job
    const taken = holder.row(kind, unique.key)
    if (taken === undefined) return insert(job, now) ? null : { status: 'duplicate', id: ownId }
    const [seq, id, state, lane] = taken
    if (unique.whenTaken === 'reject') return { status: 'conflict', on: 'unique', id }
    // A running holder keeps what it runs with: only a waiting job can be moved or replaced.
    if (!isWaiting(state)) return { status: 'duplicate', id }
    if (unique.whenTaken === 'replace') {
      changes.replace(seq, lane, { kind, version, priority, payload })
      moveTo(seq, job, now)
      return { status: 'replaced', id }
    }
    if (unique.debounceMs !== null) moveTo(seq, job, now)
    return { status: 'duplicate', id }
  }

  return (job, now) => {
    const [id, [, kind]] = job
    const { idempotency, unique } = rareFieldsOf(job)
    if (byId.row(id) !== undefined) return { status: 'duplicate', id }
    const answer = idempotency === null ? null : standingFor(kind, idempotency, now)
    if (answer !== null) return answer
    const result = unique === null ? (insert(job, now) ? null : ({ status: 'duplicate', id } as const)) : pushUnique(job, unique, now)
    if (idempotency !== null && result?.status !== 'conflict')
      remember.run(kind, idempotency.key, idempotency.payloadHash, result?.id ?? id, Math.ceil(now + idempotency.ttlMs))
    return result
  }
}
