/**
 * Claims that the store made for this worker and whose answer was lost on the way: the store believes that they run here, and beats keep their
 * leases. They are given back, un-run and at no cost, as soon as it is certain that no answer will bring them.
 *
 * An entry is seen, then given back at a later beat if it is still held, still unknown, and no claim under way is as old as its first sight.
 * A crash leaves what it leaves of any claim: the lease lapses.
 */
import type { BeatResult } from '../contract/backend.js'
import type { Logger } from '../observe/logger.js'
import type { Claimer } from './claimer.js'
import type { Settler } from './settler.js'

export interface StraysOptions {
  /** Who knows the claims that wait, run or are being settled here. */
  readonly holders: readonly { has(jobId: string, token: number): boolean }[]
  readonly claimer: Pick<Claimer, 'oldestClaimAtMs'>
  readonly settler: Pick<Settler, 'add' | 'flush'>
  readonly logger: Pick<Logger, 'warn'>
  /** Monotonic. */
  readonly now: () => number
}

export interface Strays {
  /** Called for each beat. */
  look(result: BeatResult): void
}

export function createStrays({ holders, claimer, settler, logger, now }: StraysOptions): Strays {
  /** When each was first seen, by id and token. */
  let seen = new Map<string, number>()

  return {
    look({ held }) {
      const still = new Map<string, number>()
      let count = 0
      for (const { jobId, token } of held) {
        if (holders.some((holder) => holder.has(jobId, token))) continue
        const key = `${jobId} ${token}`
        const firstAtMs = seen.get(key)
        if (firstAtMs === undefined || claimer.oldestClaimAtMs() <= firstAtMs) {
          still.set(key, firstAtMs ?? now())
          continue
        }
        count += 1
        // One that was settled meanwhile is fenced: this then changes nothing.
        settler.add({ lease: { jobId, token, handle: null }, outcome: 'release' }, () => undefined)
      }
      seen = still
      if (count === 0) return
      logger.warn('claims whose answer was lost are given back', { count })
      settler.flush()
    },
  }
}
