/**
 * Sends settlements to the backend in batches, one batch per turn of the worker. A batch that cannot be written is tried again until it can:
 * the store refuses it by the token if somebody else has the job by then. What a crash loses here is an end that was not acknowledged:
 * the job runs again.
 */
import type { Queue } from '../contract/backend.js'
import type { JobFailure, Settlement, SettleResult } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { isKerjaError } from '../errors.js'

export interface Settler {
  /** Queues the settlement for the next flush. */
  add(settlement: Settlement, done: (result: SettleResult) => void): void
  /** Sends what is queued. */
  flush(): void
  /** Settlements not yet acknowledged. */
  readonly pendingCount: number
  /** Resolves when everything is acknowledged, or false at the deadline. */
  drained(deadlineMs: number): Promise<boolean>
  /** Gives up what is not acknowledged: rescue will find it. */
  abandon(): void
}

interface Entry {
  readonly settlement: Settlement
  readonly done: (result: SettleResult) => void
}

export interface SettlerOptions {
  readonly settle: Queue['settle']
  readonly onTrouble: (error: unknown) => void
  /** After each acknowledged batch: whoever waits for fewer pending settlements may go on. */
  readonly onAcknowledged: () => void
  /** Makes the settlement that stands in for one the store refuses to write. */
  readonly unwritable: (settlement: Settlement, error: unknown) => Settlement
}

export function createSettler(options: SettlerOptions): Settler {
  let queued: Entry[] = []
  let pendingCount = 0
  let abandoned = false
  const waiters = new Set<() => void>()

  const finish = (entry: Entry, result: SettleResult): void => {
    pendingCount -= 1
    entry.done(result)
    if (pendingCount === 0) for (const waiter of [...waiters]) waiter()
  }

  const send = async (entries: readonly Entry[]): Promise<void> => {
    for (let waitMs: number = DEFAULTS.worker.retryFirstMs; ; waitMs = Math.min(waitMs * 2, DEFAULTS.worker.retryMaxMs)) {
      try {
        const results = await options.settle(entries.map((entry) => entry.settlement))
        entries.forEach((entry, index) => {
          finish(entry, results[index] as SettleResult)
        })
        options.onAcknowledged()
        return
      } catch (error) {
        if (abandoned) return
        options.onTrouble(error)
        if (!isAway(error) && !isStandIn(entries)) return isolate(entries, error)
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      if (abandoned) return
    }
  }

  // One settlement that the store refuses must not hold up its neighbours: each goes alone, and the refused one is recorded as a failure.
  const isolate = async (entries: readonly Entry[], error: unknown): Promise<void> => {
    const [only] = entries
    if (only === undefined) return
    if (entries.length > 1) {
      await Promise.all(entries.map((entry) => send([entry])))
      return
    }
    await send([{ settlement: options.unwritable(only.settlement, error), done: only.done }])
  }

  return {
    add(settlement, done) {
      pendingCount += 1
      queued.push({ settlement, done })
    },
    flush() {
      if (queued.length === 0) return
      const entries = queued
      queued = []
      void send(entries)
    },
    get pendingCount() {
      return pendingCount
    },
    drained: (deadlineMs) =>
      new Promise((resolve) => {
        if (pendingCount === 0) return resolve(true)
        const finished = (): void => {
          clearTimeout(timer)
          waiters.delete(finished)
          resolve(pendingCount === 0)
        }
        const timer = setTimeout(finished, deadlineMs)
        waiters.add(finished)
      }),
    abandon() {
      abandoned = true
    },
  }
}

/** The store as a whole is away, busy or full: the same batch will pass later. */
function isAway(error: unknown): boolean {
  return isKerjaError(error) && ['BACKEND_UNAVAILABLE', 'STORE_LOCKED', 'STORE_FULL', 'STORE_READ_ONLY'].includes(error.code)
}

// A stand-in that is refused as well has nothing left to leave out: it waits like one whose store is away.
const isStandIn = (entries: readonly Entry[]): boolean => {
  const settlement = entries.length === 1 ? entries[0]?.settlement : undefined
  return settlement?.outcome === 'fail' && settlement.reason === UNWRITABLE
}

const UNWRITABLE = 'unwritable'

/** The settlement in place of one that cannot be written: the same end for the job's owner to see, without the part that was refused. */
export function asUnwritable(settlement: Settlement, failure: JobFailure): Settlement {
  return { lease: settlement.lease, outcome: 'fail', reason: UNWRITABLE, failure, retentionMs: DEFAULTS.job.failedRetentionMs, crashed: false }
}
