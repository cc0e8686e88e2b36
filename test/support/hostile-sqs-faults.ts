/** How unkind the hostile SQS is: rates from 0 to 1, and chance that repeats itself by its seed. */

export interface Faults {
  /** A message that was handed out stays visible to others. */
  duplicate: number
  /** It comes back after a tenth of its visibility timeout. */
  lateVisibility: number
  reorder: number
  /** A short poll says that there is nothing. */
  emptyPoll: number
  /** A delete with a receipt that is not the newest deletes all the same; else it only says so. */
  staleDeleteWorks: number
  /** The request is refused for its rate, and nothing was done. */
  throttle: number
  /** The request fails, and nothing was done. */
  serverError: number
  /** The request fails, and all of it was done. */
  lostAnswer: number
  /** The connection ends without an answer, and nothing was done. */
  cutConnection: number
  /** An entry of a batch fails, and nothing was done. */
  entryError: number
  /** An entry of a batch fails, and it was done. */
  entryLostAnswer: number
  /** Messages received and not deleted, of one queue, from which on SQS gives no more. */
  inFlightMax: number
}

export const NO_FAULTS: Readonly<Faults> = Object.freeze({
  duplicate: 0,
  lateVisibility: 0,
  reorder: 0,
  emptyPoll: 0,
  staleDeleteWorks: 0,
  throttle: 0,
  serverError: 0,
  lostAnswer: 0,
  cutConnection: 0,
  entryError: 0,
  entryLostAnswer: 0,
  inFlightMax: 120_000,
})

export type FaultName = Exclude<keyof Faults, 'inFlightMax'>

export interface Chance {
  /** By the rate of the fault. */
  happens(fault: FaultName): boolean
  /** How often each has happened. */
  readonly counts: ReadonlyMap<FaultName, number>
  shuffled<Item>(items: readonly Item[]): Item[]
}

/** The generator mulberry32. */
export function createChance(seed: number, faults: Faults): Chance {
  const counts = new Map<FaultName, number>()
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    counts,
    happens(fault) {
      if (faults[fault] === 0 || next() >= faults[fault]) return false
      counts.set(fault, (counts.get(fault) ?? 0) + 1)
      return true
    },
    shuffled(items) {
      const result = [...items]
      for (let index = result.length - 1; index > 0; index--) {
        const other = Math.floor(next() * (index + 1))
        ;[result[index], result[other]] = [result[other] as never, result[index] as never]
      }
      return result
    },
  }
}
