/** Load: callers that each await one enqueue after another, and batches. */
import { makePayload, makePayloads } from './payload.mjs'

const BULK_SIZE = 1000

/** `callers` loops share `count` jobs; each awaits its enqueue before the next. */
export async function produce(producer, { callers, count }) {
  let next = 0
  const call = async () => {
    while (next < count) {
      next += 1
      await producer.enqueue(makePayload(next))
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
}

/** Batches of 1000, one after another. */
export async function produceInBulk(producer, { count, scheduled = false }) {
  for (let first = 0; first < count; first += BULK_SIZE) {
    await producer.enqueueMany(makePayloads(first, Math.min(BULK_SIZE, count - first)), { scheduled })
  }
}
