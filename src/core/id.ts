/** Job ids: UUIDv7 (RFC 9562), sorted by the time of their making. */
export interface IdGeneratorOptions {
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Fills the bytes with unpredictable values. Called once per few hundred ids. */
  readonly randomFill: (bytes: Uint8Array) => void
}

const POOL_BYTES = 4_096
// Eight bytes for the tail, two for the counter's start.
const BYTES_PER_ID = 10
const COUNTER_MAX = 0xfff
// The counter starts in the lower half, so that at least 2,048 ids fit into a millisecond before it is full.
const COUNTER_START_MASK = 0x7ff
const TIME_MAX = 2 ** 48 - 1

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const HEX: readonly string[] = Object.freeze(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')))

/**
 * Makes a generator of UUIDv7. Each id sorts after the one before it, also within one millisecond and when the clock steps back: the time then
 * stands still, a 12-bit counter goes on, and when that is full the time moves on by one. 62 random bits keep generators apart.
 */
export function createIdGenerator({ now, randomFill }: IdGeneratorOptions): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  let time = -1
  let prefix = ''
  let counter = 0

  const startMillisecond = (next: number): void => {
    time = next
    const hex = next.toString(16).padStart(12, '0')
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
    counter = ((pool[used + 8]! << 8) | pool[used + 9]!) & COUNTER_START_MASK
  }

  return () => {
    if (used + BYTES_PER_ID > POOL_BYTES) {
      randomFill(pool)
      used = 0
    }
    const instant = Math.min(TIME_MAX, Math.floor(now()))
    if (instant > time) startMillisecond(instant)
    else if (counter === COUNTER_MAX) startMillisecond(time + 1)
    else counter += 1
    const at = used
    used += BYTES_PER_ID
    const variant = HEX[(pool[at]! & 0x3f) | 0x80]!
    const tail = HEX[pool[at + 2]!]! + HEX[pool[at + 3]!]! + HEX[pool[at + 4]!]! + HEX[pool[at + 5]!]! + HEX[pool[at + 6]!]! + HEX[pool[at + 7]!]!
    return `${prefix}${HEX[counter >> 4]!}${(counter & 15).toString(16)}-${variant}${HEX[pool[at + 1]!]!}-${tail}`
  }
}

/** Whether the text is a UUID of any version in its canonical form: lower case, with hyphens. */
export const isUuid = (text: unknown): text is string => typeof text === 'string' && text.length === 36 && UUID.test(text)
