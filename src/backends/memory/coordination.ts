/** Coordination: agrees who lives, who leads, and what is paused. */

import type { Coordination, WorkerRecord } from '../../contract/index.js'
import { KerjaError, quote } from '../../errors.js'
import { dueSchedules, fireSchedule, pauseSchedule, removeSchedules, upsertSchedules } from './schedules.js'
import type { Store } from './store.js'
import { enter, isDead, isLive, wake } from './store.js'

/** How long a dead worker stays on the list. */
const DEAD_WORKER_RETENTION_MS = 86_400_000

export function createCoordination(store: Store): Coordination {
  return {
    async registerWorker(worker) {
      const now = enter(store)
      forgetDeadWorkers(store, now)
      if (store.workers.get(worker.id)?.diedAt != null) {
        throw new KerjaError('WORKER_STATE', `Worker ${quote(worker.id)} was declared dead. Register under a new id: ids are never used twice.`)
      }
      store.workers.set(worker.id, { registration: structuredClone(worker), startedAt: now, heartbeatAt: now, diedAt: null })
    },
    async deregisterWorker(workerId) {
      enter(store)
      store.workers.delete(workerId)
    },
    async workers() {
      return workerRecords(store, enter(store))
    },
    async reapWorkers() {
      const now = enter(store)
      const reaped = [...store.workers.values()].filter((worker) => worker.diedAt === null && !isLive(worker, now))
      for (const worker of reaped) worker.diedAt = now
      return reaped.map((worker) => worker.registration.id)
    },
    async lead({ role, workerId, ttlMs }) {
      const now = enter(store)
      if (isDead(store, workerId)) return false
      const leader = store.leaders.get(role)
      if (leader !== undefined && leader.workerId !== workerId && leader.until > now && !isDead(store, leader.workerId)) return false
      store.leaders.set(role, { workerId, until: now + ttlMs })
      return true
    },
    async resign({ role, workerId }) {
      enter(store)
      if (store.leaders.get(role)?.workerId === workerId) store.leaders.delete(role)
    },
    async pauseQueue(queue) {
      enter(store)
      store.pausedQueues.add(queue)
      wake(store, 'changed')
    },
    async resumeQueue(queue) {
      enter(store)
      if (store.pausedQueues.delete(queue)) wake(store, 'available')
    },
    async schedules() {
      enter(store)
      return structuredClone([...store.schedules.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
    },
    async upsertSchedules(definitions, options) {
      upsertSchedules(store, definitions, options?.reconcile.kinds, enter(store))
    },
    async removeSchedules(names) {
      enter(store)
      return removeSchedules(store, names)
    },
    async pauseSchedule(name, paused) {
      enter(store)
      return pauseSchedule(store, name, paused)
    },
    async dueSchedules({ limit }) {
      return dueSchedules(store, limit, enter(store))
    },
    async fireSchedule(firing) {
      return fireSchedule(store, firing, enter(store))
    },
  }
}

function workerRecords(store: Store, now: number): WorkerRecord[] {
  const runningCounts = new Map<string | null, number>()
  for (const job of store.running) runningCounts.set(job.workerId, (runningCounts.get(job.workerId) ?? 0) + 1)
  return [...store.workers.values()].map((worker) => ({
    ...structuredClone(worker.registration),
    startedAt: worker.startedAt,
    heartbeatAt: worker.heartbeatAt,
    alive: isLive(worker, now),
    runningCount: runningCounts.get(worker.registration.id) ?? 0,
  }))
}

function forgetDeadWorkers(store: Store, now: number): void {
  for (const [id, worker] of store.workers) {
    if (worker.diedAt !== null && now - worker.diedAt > DEAD_WORKER_RETENTION_MS) store.workers.delete(id)
  }
}
