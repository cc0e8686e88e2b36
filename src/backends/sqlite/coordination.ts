/** Who lives, who leads, what is paused. */
import type { Coordination, WorkerRecord, WorkerRegistration } from '../../contract/coordination.js'
import { KerjaError, quote } from '../../errors.js'
import type { StoreContext } from './context.js'
import { RUNNING } from './rows.js'
import { createLiveWorkers, createWorkerNumbers } from './worker-numbers.js'

export type LeadRequest = Parameters<Coordination['lead']>[0]

export interface CoordinationStore {
  register(worker: WorkerRegistration): void
  deregister(workerId: string): void
  workers(): WorkerRecord[]
  /** Workers not declared dead, and whether their heartbeat has lapsed. */
  undeclared(): { readonly id: string; readonly lapsed: boolean }[]
  /** Their processes are gone. */
  declareGone(ids: readonly string[]): string[]
  /** Only those whose heartbeat is older than their lease now. */
  declareLapsed(ids: readonly string[]): string[]
  /** Ids of the workers still remembered. */
  known(): Set<string>
  lead(request: LeadRequest): boolean
  resign(role: string, workerId: string): void
  pause(queue: string): void
  resume(queue: string): void
  prune(): void
}

/** How long a dead worker stays on the list. */
const DEAD_WORKER_RETENTION_MS = 86_400_000
const LIVE_SQL = 'died_at IS NULL AND ? - heartbeat_at <= lease_ms'

type WorkerRow = readonly [
  id: string,
  name: string,
  host: string,
  pid: number,
  version: string,
  queues: string,
  kinds: string,
  schedules: string,
  concurrency: number,
  leaseMs: number,
  startedAt: number,
  heartbeatAt: number,
  alive: number,
  runningCount: number,
]

export function createCoordinationStore(context: StoreContext): CoordinationStore {
  const { connection, effects } = context
  const died = connection.prepare<[number | null]>('SELECT died_at FROM kerja_workers WHERE id = ?')
  const insert = connection.prepare(
    `REPLACE INTO kerja_workers (id, number, name, host, pid, version, queues, kinds, schedules, concurrency, lease_ms, started_at, heartbeat_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const numberOf = createWorkerNumbers(connection)
  const remove = connection.prepare('DELETE FROM kerja_workers WHERE id = ?')
  const list = connection.prepare<WorkerRow>(
    `SELECT id, name, host, pid, version, queues, kinds, schedules, concurrency, lease_ms, started_at, heartbeat_at, ${LIVE_SQL},
      (SELECT count(*) FROM kerja_jobs INDEXED BY kerja_jobs_running WHERE worker = kerja_workers.number AND state = ${RUNNING})
      FROM kerja_workers ORDER BY started_at, id`,
  )
  const undeclared = connection.prepare<[string, number]>(`SELECT id, ${LIVE_SQL} FROM kerja_workers WHERE died_at IS NULL`)
  const declare = connection.prepare('UPDATE kerja_workers SET died_at = ? WHERE id = ? AND died_at IS NULL')
  // Judged again under the lock: it may have beaten since it was looked at.
  const declareIfLapsed = connection.prepare('UPDATE kerja_workers SET died_at = ? WHERE id = ? AND died_at IS NULL AND ? - heartbeat_at > lease_ms')
  const ids = connection.prepare<[string]>('SELECT id FROM kerja_workers')
  const dropDead = connection.prepare('DELETE FROM kerja_workers WHERE died_at < ?')
  const pause = connection.prepare('INSERT OR IGNORE INTO kerja_paused_queues (queue, paused_at) VALUES (?, ?)')
  const resume = connection.prepare('DELETE FROM kerja_paused_queues WHERE queue = ?')

  return {
    ...createRoles(context),
    register(worker) {
      if (typeof died.row(worker.id)?.[0] === 'number')
        throw new KerjaError('WORKER_STATE', `Worker ${quote(worker.id)} was declared dead. Register under a new id: ids are never used twice.`)
      const { id, name, host, pid, version, concurrency, leaseMs } = worker
      const served = [JSON.stringify(worker.queues), JSON.stringify(worker.kinds), JSON.stringify(worker.schedules)]
      const now = context.now()
      insert.run(id, numberOf(id), name, host, pid, version, ...served, concurrency, leaseMs, now, now)
    },
    deregister(workerId) {
      remove.run(workerId)
    },
    workers: () => list.rows(context.now()).map(workerRecordOf),
    undeclared: () => undeclared.rows(context.now()).map(([id, live]) => ({ id, lapsed: live === 0 })),
    declareGone: (suspects) => suspects.filter((id) => declare.run(context.now(), id) === 1),
    declareLapsed: (suspects) => suspects.filter((id) => declareIfLapsed.run(context.now(), id, context.now()) === 1),
    known: () => new Set(ids.rows().map(([id]) => id)),
    pause(queue) {
      pause.run(queue, context.now())
      effects.changed = true
    },
    resume(queue) {
      if (resume.run(queue) === 1) effects.available = true
    },
    prune() {
      dropDead.run(context.now() - DEAD_WORKER_RETENTION_MS)
    },
  }
}

function createRoles(context: StoreContext): Pick<CoordinationStore, 'lead' | 'resign'> {
  const { connection } = context
  const liveNumber = createLiveWorkers(connection)
  const role = connection.prepare<[string, number]>('SELECT worker, until FROM kerja_roles WHERE role = ?')
  const take = connection.prepare('REPLACE INTO kerja_roles (role, worker, until) VALUES (?, ?, ?)')
  const resign = connection.prepare('DELETE FROM kerja_roles WHERE role = ? AND worker = ?')
  return {
    lead(request) {
      if (liveNumber(request.workerId) === null) return false
      const [holder, until] = role.row(request.role) ?? [request.workerId, 0]
      if (holder !== request.workerId && until > context.now() && liveNumber(holder) !== null) return false
      take.run(request.role, request.workerId, Math.ceil(context.now() + request.ttlMs))
      return true
    },
    resign(name, workerId) {
      resign.run(name, workerId)
    },
  }
}

function workerRecordOf([id, name, host, pid, version, queues, kinds, schedules, ...numbers]: WorkerRow): WorkerRecord {
  const [concurrency, leaseMs, startedAt, heartbeatAt, alive, runningCount] = numbers
  return {
    id,
    name,
    host,
    pid,
    version,
    queues: JSON.parse(queues) as string[],
    kinds: JSON.parse(kinds) as { kind: string; version: number }[],
    schedules: JSON.parse(schedules) as string[],
    concurrency,
    leaseMs,
    startedAt,
    heartbeatAt,
    alive: alive === 1,
    runningCount,
  }
}
