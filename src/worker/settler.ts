/**
 * Sends settlements to the backend in batches, one batch per turn of the worker. A batch that cannot be written is tried again until it can:
 * the store refuses it by the token if somebody else has the job by then. What a crash loses here is an end that was not acknowledged:
 * the job runs again.
 */
import type { Queue } from '../contract/backend.js'
import type { JobFailure, Settlement, SettleResult } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { isAway, isKerjaError } from '../errors.js'

export interface Settler {
  /** Queues the settlement for the next flush; with `after`, once that has resolved, and then flushes itself. Counts as pending at once. */
  add(settlement: Settlement, done: Acknowledge, after?: Promise<void>): void
  /** Sends what is queued. */
  flush(): void
  /** Settlements not yet acknowledged. */
  readonly pendingCount: number
  /** Resolves when everything is acknowledged, or false at the deadline. */
  drained(deadlineMs: number): Promise<boolean>
  /** Gives up what is not acknowledged: rescue will find it. */
  abandon(): void
}

/** `written` is the settlement that the store took: another than asked for where it refused that one. */
export type Acknowledge = (result: SettleResult, written: Settlement) => void

interface Entry {
  readonly settlement: Settlement
  readonly done: Acknowledge
}

export interface SettlerOptions {
  readonly settle: Queue['settle']
  readonly onTrouble: (error: unknown) => void
  /** Fewer are pending than before. */
  readonly onAcknowledged: () => void
  /** Makes the settlement that stands in for one the store refuses to write. */
  readonly unwritable: (settlement: Settlement, error: unknown) => Settlement
}

export function createSettler(options: SettlerOptions): Settler {
  let queued: Entry[] = []
  let pendingCount = 0
  let abandoned = false
  const waiters = new Set<() => void>()

  const finish = (entries: readonly Entry[], results: readonly SettleResult[]): void => {
    pendingCount -= entries.length
    entries.forEach((entry, index) => {
      entry.done(results[index] as SettleResult, entry.settlement)
    })
    if (pendingCount === 0) for (const waiter of [...waiters]) waiter()
    options.onAcknowledged()
  }

  const send = async (entries: readonly Entry[]): Promise<void> => {
    let tries = 0
    for (let waitMs: number = DEFAULTS.worker.retryFirstMs; ; waitMs = Math.min(waitMs * 2, DEFAULTS.worker.retryMaxMs)) {
      const answer = await attempt(entries)
      if (abandoned && !('results' in answer)) return
      if ('results' in answer) return finish(entries, answer.results)
      options.onTrouble(answer.error)
      tries += 1
      if (!isAway(answer.error)) {
        // One settlement that the store refuses must not hold up its neighbours: each goes alone.
        if (entries.length > 1) return void (await Promise.all(entries.map((entry) => send([entry]))))
        const isRefusal = isKerjaError(answer.error) || tries >= UNCODED_TRIES_MAX
        if (isRefusal && !isStandIn(entries)) return send(entries.map((entry) => standIn(entry, answer.error)))
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      if (abandoned) return
    }
  }

  const standIn = (entry: Entry, error: unknown): Entry => ({ ...entry, settlement: options.unwritable(entry.settlement, error) })

  const attempt = async (entries: readonly Entry[]): Promise<{ readonly results: readonly SettleResult[] } | { readonly error: unknown }> => {
    try {
      return { results: await options.settle(entries.map((entry) => entry.settlement)) }
    } catch (error) {
      return { error }
    }
  }

  const flush = (): void => {
    if (queued.length === 0) return
    const entries = queued
    queued = []
    void send(entries)
  }

  return {
    add(settlement, done, after) {
      pendingCount += 1
      if (after === undefined) queued.push({ settlement, done })
      else
        void after.then(() => {
          queued.push({ settlement, done })
          flush()
        })
    },
    flush,
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

/** Tries before an error without a code is taken for a refusal, some ten seconds: it may as well be a passing fault of a driver or a network. */
const UNCODED_TRIES_MAX = 8

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
