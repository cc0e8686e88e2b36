/** Idle latency: one job at a time, with a random pause of a few ms between, so that neither side is warm from the job before. */
import { sleep, wallClock } from './meters.mjs'
import { makePayload } from './payload.mjs'
import { median, percentile } from './statistics.mjs'

const PAUSE_MS = { min: 2, max: 10 }
const WARM_UP = 20

/** `nextStart()` resolves with the wall clock at which the handler of the next job began. */
export async function measureLatency(producer, count, nextStart) {
  const latencies = []
  for (let number = -WARM_UP; number < count; number += 1) {
    await sleep(PAUSE_MS.min + Math.random() * (PAUSE_MS.max - PAUSE_MS.min))
    const enqueuedAt = wallClock()
    const [startedAt] = await Promise.all([nextStart(), producer.enqueue(makePayload(number))])
    if (number >= 0) latencies.push(startedAt - enqueuedAt)
  }
  return { p50: median(latencies), p99: percentile(latencies, 0.99), max: Math.max(...latencies) }
}

export const latencyMetrics = {
  p50: { label: 'p50, ms', digits: 2 },
  p99: { label: 'p99, ms', digits: 2 },
  max: { label: 'max, ms', digits: 2 },
}
