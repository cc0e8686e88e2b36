/** The backend as callers see it: every method asks the engine thread, except those that join the caller's own transaction. */
import { utimes } from 'node:fs'
import type { Backend, Queue } from '../../contract/backend.js'
import type { Capabilities } from '../../contract/capabilities.js'
import type { Coordination } from '../../contract/coordination.js'
import type { NewJob, PushResult, Settlement, SettleResult } from '../../contract/job.js'
import type { Ledger } from '../../contract/ledger.js'
import type { Transfer } from '../../contract/transfer.js'
import { KerjaError } from '../../errors.js'
import { type Engine, PUSH_PART_JOBS } from './engine.js'
import { realPathOf, type StoreConfig } from './options.js'
import { type EngineHold, holdEngine } from './registry.js'
import { createTransactions } from './transaction.js'
import { type WakeKind, wakePathOf } from './wake.js'
import { decodeClaims, decodePushResults, decodeSettleResults, encodeJobs, encodeLease, encodeSettlement, packed } from './wire.js'

const CAPABILITIES: Capabilities = Object.freeze({
  clock: 'store',
  durable: true,
  crossProcess: true,
  transactions: true,
  synchronousPush: true,
  delayMsMax: null,
  leaseMsMax: null,
  keys: true,
  ledger: true,
  coordination: true,
  transfer: true,
  knownAtOnce: true,
  retentionMsMin: null,
  fencing: true,
  deathCheck: true,
})

/** When listeners are woken after a call in the caller's transaction, whose commit Kerja does not see. */
const COMMIT_GUESSES_MS = [0, 5, 50] as const

/** The engine, held from the first use to `close`. */
type Use = () => Engine

export function createBackend(config: StoreConfig): Backend {
  let hold: EngineHold | undefined
  let closing: Promise<void> | undefined

  const use: Use = () => {
    if (closing !== undefined)
      throw new KerjaError('BACKEND_CLOSED', `The sqlite backend of ${config.path} was closed. Make a new one with sqlite(…).`)
    hold ??= holdEngine(config)
    return hold.engine
  }

  return {
    name: 'sqlite',
    location: config.path,
    capabilities: CAPABILITIES,
    queue: createQueue(config, use),
    ledger: createLedger(use),
    coordination: createCoordination(use),
    transfer: createTransfer(use),
    async open() {
      await use().call('open')
    },
    close() {
      closing ??= hold === undefined ? Promise.resolve() : hold.release()
      return closing
    },
    async migrate({ apply }) {
      const engine = use()
      const pending = await engine.call('plan')
      if (apply) await engine.call('open')
      return pending
    },
  }
}

function createQueue(config: StoreConfig, use: Use): Queue {
  const transactions = createTransactions(config)

  const hinting = new Set<string>()

  /** The commit is the caller's and unseen, so listeners are told more than once that there may be something. */
  function hint(engine: Engine, kind: WakeKind): void {
    for (const delayMs of COMMIT_GUESSES_MS) {
      const name = `${kind} ${delayMs}`
      if (hinting.has(name)) continue
      hinting.add(name)
      setTimeout(() => {
        hinting.delete(name)
        engine.wake(kind)
        const now = new Date()
        // A missing file means that no other process listens.
        utimes(wakePathOf(realPathOf(config.path), kind), now, now, () => undefined)
      }, delayMs).unref()
    }
  }

  function pushIn(engine: Engine, jobs: readonly NewJob[], tx: unknown): readonly PushResult[] {
    const results = transactions.push(tx, jobs)
    hint(engine, 'available')
    return results
  }

  function settleIn(engine: Engine, settlements: readonly Settlement[], tx: unknown): readonly SettleResult[] {
    const results = transactions.settle(tx, settlements)
    hint(engine, 'available')
    hint(engine, 'changed')
    return results
  }

  return {
    async push(jobs, options) {
      const engine = use()
      if (options?.tx !== undefined) return pushIn(engine, jobs, options.tx)
      const pushed = engine.call('push', encodeJobs(jobs))
      // Before the commit: an idle worker of this process then asks in the same turn, and its claim shares the commit with the jobs it finds.
      engine.wake('available')
      return decodePushResults(
        await pushed,
        jobs.map(({ id }) => id),
      )
    },
    pushPartJobs: PUSH_PART_JOBS,
    pushSync: (jobs, { tx }) => pushIn(use(), jobs, tx),
    async claim(request) {
      const { batches, lanes, claimedAt, nextDueInMs, suspectsWait } = await use().call('claim', request)
      return { jobs: decodeClaims(batches, lanes, claimedAt, request.alone), nextDueInMs, suspectsWait }
    },
    async settle(settlements, options) {
      const engine = use()
      if (options?.tx !== undefined) return settleIn(engine, settlements, options.tx)
      return decodeSettleResults(await engine.call('settle', packed(settlements, encodeSettlement)), settlements)
    },
    settleSync: (settlements, { tx }) => settleIn(use(), settlements, tx),
    async lapsed({ limit }) {
      return use().call('lapsed', limit)
    },
    async expire({ limit, retentionMs }) {
      return use().call('expire', limit, retentionMs)
    },
    listen: (listener) => use().listen(listener),
    heartbeat: {
      kind: 'thread',
      module: new URL('./heartbeat.js', import.meta.url).href,
      config,
      host: (beats) => use().host(beats),
    },
  }
}

function createLedger(use: Use): Ledger {
  return {
    async get(ids) {
      return use().call('get', ids)
    },
    async list(query) {
      return use().call('list', query)
    },
    async stats(request) {
      return use().call('stats', request)
    },
    async attempts(id) {
      return use().call('attempts', id)
    },
    async logs(id, request) {
      return use().call('logs', id, request)
    },
    async record(writes, limits) {
      const wire = writes.map(({ lease, progress, lines }) => ({ lease: encodeLease(lease), progress, lines }))
      return use().call('record', wire, limits)
    },
    async cancel(ids, request) {
      return use().call('cancelJobs', ids, request)
    },
    async retry(ids) {
      return use().call('retryJobs', ids)
    },
    async remove(ids) {
      return use().call('removeJobs', ids)
    },
    async update(id, changes) {
      return use().call('updateJob', id, changes)
    },
    async prune({ limit }) {
      return use().call('prune', limit)
    },
  }
}

function createCoordination(use: Use): Coordination {
  return {
    async registerWorker(worker) {
      await use().call('registerWorker', worker)
    },
    async deregisterWorker(workerId) {
      await use().call('deregisterWorker', workerId)
    },
    async workers() {
      return use().call('workers')
    },
    async reapWorkers() {
      return use().call('reapWorkers')
    },
    async lead(request) {
      return use().call('lead', request)
    },
    async resign({ role, workerId }) {
      await use().call('resign', role, workerId)
    },
    async pauseQueue(queue) {
      await use().call('pauseQueue', queue)
    },
    async resumeQueue(queue) {
      await use().call('resumeQueue', queue)
    },
    async schedules() {
      return use().call('schedules')
    },
    async upsertSchedules(schedules, options) {
      await use().call('upsertSchedules', schedules, options?.reconcile.kinds ?? null)
    },
    async removeSchedules(names) {
      return use().call('removeSchedules', names)
    },
    async pauseSchedule(name, paused) {
      return use().call('pauseSchedule', name, paused)
    },
    async dueSchedules({ limit }) {
      return use().call('dueSchedules', limit)
    },
    async fireSchedule(firing) {
      return use().call('fireSchedule', { ...firing, jobs: encodeJobs(firing.jobs) })
    },
  }
}

function createTransfer(use: Use): Transfer {
  return {
    async take(request) {
      return use().call('take', request)
    },
    async ended(request) {
      return use().call('ended', request)
    },
    async accept(jobs) {
      return use().call('accept', jobs)
    },
    async leave(departures) {
      return use().call('leave', departures)
    },
    async keys({ limit, cursor }) {
      return use().call('keys', limit, cursor)
    },
    async acceptKeys(keys) {
      await use().call('acceptKeys', keys)
    },
    async acceptSchedules(schedules) {
      return use().call('acceptSchedules', schedules)
    },
  }
}
