/** The queue: moves work. */

import type { BeatResult, LapsedLease, Queue } from '../../contract/index.js'
import { UnsupportedError } from '../../errors.js'
import { claim } from './claim.js'
import type { Job } from './job.js'
import { pushJob } from './push.js'
import { settleClaim } from './settle.js'
import type { Store } from './store.js'
import { endIfLate, enter, firstOf, isDead, wake } from './store.js'

export function createQueue(store: Store): Queue {
  return {
    async push(jobs, options) {
      const now = enter(store)
      refuseTransaction(options?.tx)
      const results = jobs.map((job) => pushJob(store, job, now))
      if (jobs.length > 0) wake(store, 'available')
      return results
    },
    async claim(request) {
      return claim(store, request, enter(store))
    },
    async settle(settlements, options) {
      const now = enter(store)
      refuseTransaction(options?.tx)
      return settlements.map((settlement) => settleClaim(store, settlement, now))
    },
    async lapsed({ limit }) {
      const now = enter(store)
      const lapsed = [...store.running].map((job) => lapsedLease(store, job, now)).filter((lease) => lease !== null)
      return lapsed.slice(0, limit)
    },
    async expire({ limit, retentionMs }) {
      const now = enter(store)
      let count = 0
      while (count < limit) {
        const first = firstOf(store.deadlines)
        if (first === undefined || !endIfLate(store, first.job, now, retentionMs)) break
        count += 1
      }
      if (count > 0) wake(store, 'changed')
      return count
    },
    listen(listener) {
      // A copy, so that one listener object given twice is two listeners, each stopped on its own.
      const own = { ...listener }
      store.listeners.add(own)
      return () => {
        store.listeners.delete(own)
      }
    },
    heartbeat: {
      kind: 'inline',
      open: (workerId) => ({ beat: () => beat(store, workerId), close: () => undefined }),
    },
  }
}

function refuseTransaction(tx: unknown): void {
  if (tx === undefined) return
  throw new UnsupportedError('memory', 'join a transaction', 'Leave `tx` out, or use the sqlite: backend.')
}

function lapsedLease(store: Store, job: Job, now: number): LapsedLease | null {
  const workerId = job.workerId as string
  const dead = isDead(store, workerId)
  if (!dead && (job.leaseEndsAt === null || now < job.leaseEndsAt)) return null
  return {
    jobId: job.id,
    token: job.token,
    handle: null,
    kind: job.kind,
    queue: job.queue,
    cause: dead ? 'death' : 'timeout',
    workerId,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashCount: job.crashCount,
    alone: job.alone,
    forwarding: job.forwarding,
    claimedAt: job.claimedAt ?? now,
    giveUpAt: job.giveUpAt,
    now,
  }
}

function beat(store: Store, workerId: string): BeatResult {
  const now = enter(store)
  const worker = store.workers.get(workerId)
  if (worker === undefined || worker.diedAt !== null) return { alive: false, held: [] }
  worker.heartbeatAt = now
  const held = [...store.running].filter((job) => job.workerId === workerId)
  return { alive: true, held: held.map((job) => ({ jobId: job.id, token: job.token, cancelRequested: job.cancelRequest !== null })) }
}
