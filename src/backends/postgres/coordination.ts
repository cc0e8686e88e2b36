/** Who lives, who leads, what is paused. */
import type { Coordination, WorkerRecord } from '../../contract/coordination.js'
import { KerjaError, quote } from '../../errors.js'
import type { Session } from './session.js'

type Workers = Omit<Coordination, 'schedules' | 'upsertSchedules' | 'removeSchedules' | 'pauseSchedule' | 'dueSchedules' | 'fireSchedule'>

export interface CoordinationHooks {
  readonly wake: (kind: 'available' | 'changed') => void
  /** Monotonic ms of when the store came back after an outage; null when there was none. */
  readonly recoveredAt: () => number | null
}

/** After an outage, or a stall in which nobody reaped, everybody gets this long to beat again: a beat is tried every 100 ms. */
const OUTAGE_PATIENCE_MS = 3_000
/** Reaping is asked every second. When it was not for this long, this process, its network or the store stood still. */
const STALL_MS = 5_000

type WorkerRow = readonly [
  id: string,
  name: string,
  host: string,
  pid: number,
  version: string,
  queues: readonly string[],
  kinds: WorkerRecord['kinds'],
  schedules: readonly string[],
  concurrency: number,
  leaseMs: number,
  startedAt: number,
  heartbeatAt: number,
  alive: boolean,
  runningCount: number,
]

export function createWorkers(session: Session, hooks: CoordinationHooks): Workers {
  const { schema } = session
  const patience = createPatience(hooks.recoveredAt)

  return {
    async registerWorker(worker) {
      const { id, name, host, pid, version, queues, kinds, schedules, concurrency, leaseMs } = worker
      const [row] = await session.query<[number]>(REGISTER(schema), [
        ...[session.now(), id, name, host, pid, version, queues, JSON.stringify(kinds), schedules, concurrency, Math.ceil(leaseMs)],
      ])
      if (row?.[0] !== 1)
        throw new KerjaError('WORKER_STATE', `Worker ${quote(id)} was declared dead. Register under a new id: ids are never used twice.`)
    },
    async deregisterWorker(workerId) {
      await session.query(
        `WITH gone AS (DELETE FROM ${schema}.workers WHERE id = $1 RETURNING id) DELETE FROM ${schema}.heartbeats h USING gone WHERE h.worker = gone.id`,
        [workerId],
      )
    },
    async workers() {
      return (await session.query<WorkerRow>(LIST(schema), [session.now()])).map(workerRecordOf)
    },
    async reapWorkers() {
      const spared = patience.look()
      const dead = spared ? [] : await session.query<[string]>(`SELECT * FROM ${schema}.reap_1($1)`, [session.now()], { lane: 'work' })
      patience.looked()
      return dead.map(([id]) => id)
    },
    async lead({ role, workerId, ttlMs }) {
      const rows = await session.query<[boolean]>(LEAD(schema), [session.now(), role, workerId, Math.ceil(ttlMs)], { lane: 'work' })
      return rows.length > 0
    },
    async resign({ role, workerId }) {
      await session.query(`DELETE FROM ${schema}.roles WHERE role = $1 AND worker = $2`, [role, workerId])
    },
    async pauseQueue(queue) {
      await session.query(`INSERT INTO ${schema}.paused_queues (queue, paused_at) VALUES ($2, ${schema}.now_1($1)) ON CONFLICT DO NOTHING`, [
        session.now(),
        queue,
      ])
      hooks.wake('changed')
    },
    async resumeQueue(queue) {
      const rows = await session.query(`DELETE FROM ${schema}.paused_queues WHERE queue = $1 RETURNING 1`, [queue])
      if (rows.length > 0) hooks.wake('available')
    },
  }
}

/** Whether the living had the chance to beat. What stops them stops the one who would declare them dead too, so it asks itself. */
function createPatience(recoveredAt: () => number | null): { look(): boolean; looked(): void } {
  let lookedAt: number | null = null
  let spareUntil = 0
  return {
    look() {
      const now = performance.now()
      if (lookedAt !== null && now - lookedAt > STALL_MS) spareUntil = now + OUTAGE_PATIENCE_MS
      const recovered = recoveredAt()
      return now < Math.max(spareUntil, recovered === null ? 0 : recovered + OUTAGE_PATIENCE_MS)
    },
    looked() {
      lookedAt = performance.now()
    },
  }
}

const REGISTER = (schema: string): string =>
  `WITH known AS (
    INSERT INTO ${schema}.workers AS w (id, name, host, pid, version, queues, kinds, schedules, concurrency, lease_ms, started_at)
      VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ${schema}.now_1($1))
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, host = excluded.host, pid = excluded.pid, version = excluded.version, queues = excluded.queues,
        kinds = excluded.kinds, schedules = excluded.schedules, concurrency = excluded.concurrency, lease_ms = excluded.lease_ms, started_at = excluded.started_at
        WHERE w.died_at IS NULL
      RETURNING id, started_at
  ), beaten AS (
    INSERT INTO ${schema}.heartbeats (worker, at) SELECT id, started_at FROM known ON CONFLICT (worker) DO UPDATE SET at = excluded.at, locked = false
  ) SELECT count(*) FROM known`

const LIST = (schema: string): string =>
  `SELECT w.id, w.name, w.host, w.pid, w.version, w.queues, w.kinds, w.schedules, w.concurrency, w.lease_ms, w.started_at, h.at,
    w.died_at IS NULL AND n.now - h.at <= w.lease_ms, (SELECT count(*) FROM ${schema}.running r WHERE r.worker = w.id)
    FROM ${schema}.now_1($1) AS n(now), ${schema}.workers w JOIN ${schema}.heartbeats h ON h.worker = w.id ORDER BY w.started_at, w.id`

const LEAD = (schema: string): string =>
  `INSERT INTO ${schema}.roles AS r (role, worker, until)
    SELECT $2, w.id, n.now + $4 FROM ${schema}.now_1($1) AS n(now), ${schema}.workers w WHERE w.id = $3 AND w.died_at IS NULL
    ON CONFLICT (role) DO UPDATE SET worker = excluded.worker, until = excluded.until
      WHERE r.worker = excluded.worker OR r.until <= ${schema}.now_1($1)
        OR NOT EXISTS (SELECT FROM ${schema}.workers h WHERE h.id = r.worker AND h.died_at IS NULL)
    RETURNING true`

const workerRecordOf = (row: WorkerRow): WorkerRecord => ({
  id: row[0],
  name: row[1],
  host: row[2],
  pid: row[3],
  version: row[4],
  queues: row[5],
  kinds: row[6],
  schedules: row[7],
  concurrency: row[8],
  leaseMs: row[9],
  startedAt: row[10],
  heartbeatAt: row[11],
  alive: row[12],
  runningCount: row[13],
})
