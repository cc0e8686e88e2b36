/**
 * The forwarder's place at the source: registered like a worker that runs nothing, with a heartbeat, so that what it takes is under a lease.
 *
 * States: none → registered (at the first use) → lost (the store declared it dead, or its heartbeat ended) → registered anew … → closed. A crash
 * leaves a worker whose heartbeat ends: what it had taken lapses, and any rescue gives it back.
 */
import { hostname } from 'node:os'
import type { Backend } from '../contract/backend.js'
import type { WorkerRecord } from '../contract/coordination.js'
import { DEFAULTS } from '../core/options.js'
import { createLeaseKeeper, type LeaseKeeper } from '../lease/lease-keeper.js'
import { VERSION } from '../version.js'

export interface Tenure {
  /** The id to take jobs under. Registers when there is none, or the last was lost. */
  workerId(): Promise<string>
  /** Whether this record is the present one. */
  isOwn(worker: WorkerRecord): boolean
  /** Gives the present id up: what is still held under it lapses at once. */
  giveUp(): Promise<void>
  close(): Promise<void>
}

export interface TenureOptions {
  readonly source: Backend
  readonly createId: () => string
  readonly onTrouble: (message: string) => void
}

const FORWARDER_NAME = 'forwarder'

/** Registered by a forwarder, this one or another. */
export const isForwarder = (worker: WorkerRecord): boolean => worker.name === FORWARDER_NAME && worker.kinds.length === 0

export function createTenure({ source, createId, onTrouble }: TenureOptions): Tenure {
  let present: { readonly id: string; readonly keeper: LeaseKeeper; lost: boolean } | undefined

  async function register(): Promise<string> {
    const id = createId()
    const registered = { id, lost: false, keeper: keeperOf(id, () => (registered.lost = true)) }
    await source.coordination.registerWorker({
      id,
      name: FORWARDER_NAME,
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      queues: [],
      kinds: [],
      schedules: [],
      concurrency: 0,
      leaseMs: DEFAULTS.worker.leaseMs,
    })
    present = registered
    try {
      await registered.keeper.start()
    } catch (error) {
      // Without a heartbeat it would be taken for dead while it carries.
      registered.lost = true
      throw error
    }
    return id
  }

  const keeperOf = (workerId: string, onLost: () => void): LeaseKeeper =>
    createLeaseKeeper({
      source: source.queue.heartbeat,
      workerId,
      heartbeatMs: DEFAULTS.worker.heartbeatMs,
      leaseMs: DEFAULTS.worker.leaseMs,
      onBeat: ({ alive }) => {
        if (!alive) onLost()
      },
      // A store that is away is no loss yet: it says at the next beat whether the leases still hold.
      onStale: (why, died) => {
        onTrouble(why)
        if (died) onLost()
      },
      onTrouble,
    })

  async function giveUp(): Promise<void> {
    const given = present
    present = undefined
    await given?.keeper.stop()
    if (given !== undefined) await source.coordination.deregisterWorker(given.id)
  }

  return {
    async workerId() {
      if (present?.lost === true) await giveUp()
      return present?.id ?? register()
    },
    isOwn: ({ id }) => id === present?.id,
    giveUp,
    close: giveUp,
  }
}
