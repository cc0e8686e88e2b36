/** The backend as callers see it: opened at first use, one pool for all its parts. */
import type { Backend, Queue } from '../../contract/backend.js'
import type { Capabilities } from '../../contract/capabilities.js'
import { createWorkers } from './coordination.js'
import { closedError } from './faults.js'
import { createLedger } from './ledger-store.js'
import { createListeners, type WakeKind } from './listeners.js'
import { applyMigrations, pendingMigrations } from './migrate.js'
import { locationOf, type Notices, type StoreConfig } from './options.js'
import { createPool } from './pool.js'
import { createQueue } from './queue.js'
import { createSchedules } from './schedules.js'
import { createSession, type Session } from './session.js'
import { createTransactions } from './transaction.js'
import { createTransfer } from './transfer.js'

const CAPABILITIES: Capabilities = Object.freeze({
  clock: 'store',
  durable: true,
  crossProcess: true,
  transactions: true,
  synchronousPush: false,
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

export function createBackend(config: StoreConfig, notices: Notices | undefined): Backend {
  const random = Math.random
  const location = locationOf(config)
  const pool = createPool({ config, random, onUp: () => listeners.wakeHere() })
  const listeners = createListeners({ config, pool, notices, random })
  let isOpen = false
  let opening: Promise<void> | undefined
  let closing: Promise<void> | undefined

  function check(): void {
    if (closing !== undefined) throw closedError(location)
  }

  function open(): Promise<void> {
    opening ??= applyMigrations(config).then(
      () => {
        isOpen = true
      },
      (error: unknown) => {
        // The next call tries again.
        opening = undefined
        throw error
      },
    )
    return opening
  }

  const bare = createSession(config, pool)
  /** Opens first: every other part may be the first to be used. */
  const session: Session = {
    ...bare,
    async query(text, values, options) {
      if (!isOpen) await open()
      return bare.query(text, values, options)
    },
  }
  const hooks = {
    wake: (kind: WakeKind, told?: boolean) => listeners.wake(kind, told),
    takeTurn: (kind: WakeKind) => listeners.takeTurn(kind),
    recoveredAt: () => pool.recoveredAt(),
  }
  const parts = createQueue(session, hooks)
  const transactions = createTransactions({ config, session, wake: hooks.wake, lanes: parts.lanes })

  const queue: Queue = {
    ...guard(
      {
        push: (jobs, options) => (options?.tx === undefined ? parts.queue.push(jobs) : transactions.push(options.tx, jobs)),
        settle: (settlements, options) =>
          options?.tx === undefined ? parts.queue.settle(settlements) : transactions.settle(options.tx, settlements),
        claim: (request) => parts.queue.claim(request),
        lapsed: (request) => parts.queue.lapsed(request),
        expire: (request) => parts.queue.expire(request),
      } satisfies Omit<Queue, 'listen' | 'heartbeat'>,
      check,
    ),
    listen(listener) {
      check()
      return listeners.add(listener)
    },
    heartbeat: { kind: 'thread', module: new URL('./heartbeat.js', import.meta.url).href, config },
  }

  return {
    name: 'postgres',
    location,
    capabilities: CAPABILITIES,
    queue,
    ledger: guard(createLedger(session, { ...hooks, moved: parts.moved }), check),
    coordination: guard({ ...createWorkers(session, hooks), ...createSchedules(session, { ...hooks, encodeJobs: parts.encodeJobs }) }, check),
    transfer: guard(createTransfer(session, parts.lanes, { ...hooks, moved: parts.moved }), check),
    async open() {
      check()
      await open()
    },
    close() {
      closing ??= Promise.allSettled([opening, listeners.close(), pool.close()]).then(() => undefined)
      return closing
    },
    async migrate({ apply }) {
      check()
      const pending = await pendingMigrations(config)
      if (apply) await open()
      return pending
    },
  }
}

/** Refuses every call once closed, those too that would ask the database nothing. */
function guard<Part extends object>(part: Part, check: () => void): Part {
  const guarded = Object.entries(part).map(([name, method]) => [
    name,
    async (...given: unknown[]) => {
      check()
      return method(...given)
    },
  ])
  return Object.fromEntries(guarded) as Part
}
