/** How long a web process's event loop is held while it enqueues as fast as it can. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { bullmq, kerja, raw } from './lib/contenders.mjs'
import { sleep } from './lib/meters.mjs'
import { makePayload, makePayloads } from './lib/payload.mjs'

const CALLERS = 100
const BULK_SIZE = 10_000
const BULK_EVERY_MS = 1_000
const WARM_UP_MS = 500
const NANOSECONDS_PER_MS = 1_000_000

// Made ahead: payloads are the application's, only the call is measured.
const bulk = makePayloads(0, BULK_SIZE)

export const name = 'event-loop'
export const title = "The producer's event loop"
export const about =
  '100 callers enqueue without pause and a batch of 10,000 is enqueued every second; event-loop delay sampled every ms (so 1 ms is the floor). ' +
  'The idle process shows what the machine itself adds.'
export const contenders = { kerja, raw, bullmq, idle: { label: 'idle process', durability: '-' } }
export const sizes = { full: 5_000, quick: 2_000 }
export const metrics = {
  p50: { label: 'p50, ms', digits: 2 },
  p99: { label: 'p99, ms', digits: 2 },
  max: { label: 'max, ms', digits: 1 },
  rate: { label: 'jobs/s meanwhile', digits: 0 },
}
export const goals = [
  { metric: 'p99', of: 'kerja', atMost: 5 },
  { metric: 'max', of: 'kerja', atMost: 50, worst: true },
]

const openProducer = async (contender) => (contender === 'idle' ? null : (await contenders[contender].load()).openProducer())

/** Enqueues for `durationMs` and returns how many. */
async function sustain(producer, durationMs) {
  if (producer === null) return sleep(durationMs).then(() => 0)
  const startedAt = performance.now()
  let count = 0
  const call = async () => {
    while (performance.now() < startedAt + durationMs) {
      count += 1
      await producer.enqueue(makePayload(count))
    }
  }
  const callInBulk = async () => {
    for (let at = BULK_EVERY_MS / 2; at < durationMs; at += BULK_EVERY_MS) {
      await sleep(startedAt + at - performance.now())
      await producer.enqueueMany(bulk)
      count += BULK_SIZE
    }
  }
  await Promise.all([callInBulk(), ...Array.from({ length: CALLERS }, call)])
  return count
}

export async function run(contender, durationMs) {
  const producer = await openProducer(contender)
  await sustain(producer, WARM_UP_MS)
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const startedAt = performance.now()
  const count = await sustain(producer, durationMs)
  const seconds = (performance.now() - startedAt) / 1000
  delays.disable()
  await producer?.close()
  return {
    p50: delays.percentile(50) / NANOSECONDS_PER_MS,
    p99: delays.percentile(99) / NANOSECONDS_PER_MS,
    max: delays.max / NANOSECONDS_PER_MS,
    rate: count / seconds,
  }
}
