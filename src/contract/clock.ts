/** The store's clock, as a value that can cross threads: the system's, or one that a test moves by hand. */
export interface StoreClock {
  /** Epoch ms. */
  now(): number
  /** Shared memory of a manual clock; undefined for the system's. Pass it to a thread and rebuild with `clockFrom`. */
  readonly buffer: SharedArrayBuffer | undefined
}

/** A clock that stands until it is moved. For tests: delays, leases and schedules become exact. */
export interface ManualClock extends StoreClock {
  advance(ms: number): void
}

export const systemClock: StoreClock = Object.freeze({ now: () => Date.now(), buffer: undefined })

export function createManualClock(startAt: number): ManualClock {
  const buffer = new SharedArrayBuffer(8)
  const cell = new Float64Array(buffer)
  cell[0] = startAt
  return {
    buffer,
    now: () => cell[0] as number,
    advance: (ms) => {
      cell[0] = (cell[0] as number) + ms
    },
  }
}

/** The clock behind `buffer`, or the system's. */
export function clockFrom(buffer: SharedArrayBuffer | undefined): StoreClock {
  if (buffer === undefined) return systemClock
  const cell = new Float64Array(buffer)
  return { buffer, now: () => cell[0] as number }
}
