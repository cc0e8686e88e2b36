/** Idle latency: one job at a time, with a random pause of a few ms between, so that neither side is warm from the job before. */
import { sleep, wallClock } from './meters.mjs'
import { makePayload } from './payload.mjs'
import { median, percentile } from './statistics.mjs'

const PAUSE_MS = { min: 2, max: 10 }
const WARM_UP = 300

/** A start that belongs to another job, or lies before its own enqueue, is a fault of the measurement: no figure is better than a wrong one. */
function latencyOf(start, number, enqueuedAt) {
  if (start.number !== number) throw new Error(`job ${start.number} started where job ${number} was awaited: it ran twice, or out of turn`)
  const latency = start.at - enqueuedAt
  if (latency < 0) throw new Error(`job ${number} started ${-latency} ms before it was enqueued: the clocks disagree`)
  return latency
}

/** `nextStart()` resolves with `{ number, at }`: which job's handler began next, and the wall clock then. */
export async function measureLatency(producer, count, nextStart) {
  const latencies = []
  for (let number = -WARM_UP; number < count; number += 1) {
    await sleep(PAUSE_MS.min + Math.random() * (PAUSE_MS.max - PAUSE_MS.min))
    const enqueuedAt = wallClock()
    const [start] = await Promise.all([nextStart(), producer.enqueue(makePayload(number))])
    const latency = latencyOf(start, number, enqueuedAt)
    if (number >= 0) latencies.push(latency)
  }
  return { p50: median(latencies), p99: percentile(latencies, 0.99), max: Math.max(...latencies) }
}

export const latencyMetrics = {
  p50: { label: 'p50, ms', digits: 2 },
  p99: { label: 'p99, ms', digits: 2 },
  max: { label: 'max, ms', digits: 2 },
}
