/** Calls again what failed because a store is away for now. Every call of the forwarder may be repeated: the answer to a lost one is the same. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULTS } from '../core/options.js'
import { passesByItself } from '../errors.js'

export interface AgainOptions {
  /** How long an outage may last before the call fails with its error. */
  readonly outageMs: number
  /** Ends the waiting: the call then fails with its error. */
  readonly signal: AbortSignal
  readonly random: () => number
  /** At the first failure of a call. */
  readonly onTrouble: (error: unknown) => void
}

export type Again = <Answer>(call: () => Promise<Answer>) => Promise<Answer>

export function createAgain({ outageMs, signal, random, onTrouble }: AgainOptions): Again {
  return async (call) => {
    let waitMs: number = DEFAULTS.worker.retryFirstMs
    let failingSince: number | undefined
    for (;;) {
      try {
        return await call()
      } catch (error) {
        if (failingSince === undefined) {
          failingSince = performance.now()
          if (passesByItself(error)) onTrouble(error)
        }
        if (!passesByItself(error) || signal.aborted || performance.now() - failingSince > outageMs) throw error
        await pause(waitMs * (0.5 + random() / 2), signal)
        waitMs = Math.min(waitMs * 2, DEFAULTS.worker.retryMaxMs)
      }
    }
  }
}

/** Waits, less long when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
