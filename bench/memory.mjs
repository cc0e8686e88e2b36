/** What a worker's memory does over a million jobs. */
import { kerja } from './lib/contenders.mjs'
import { residentMiB } from './lib/meters.mjs'
import { startRole } from './lib/role.mjs'
import { fillRole } from './lib/scenarios/fill.mjs'
import { slope } from './lib/statistics.mjs'

const CONCURRENCY = 100
const PER_100K = 100_000

export const name = 'memory'
export const title = "A worker's memory over a million jobs"
export const about =
  'RSS of one worker process with concurrency 100, sampled after every 50,000 jobs. The slope is that of the least-squares line through the samples after the first.'
export const contenders = { kerja }
export const roundsMax = 3
export const sizes = { full: { count: 1_000_000, sampleEvery: 50_000 }, quick: { count: 100_000, sampleEvery: 10_000 } }
export const metrics = {
  start: { label: 'before, MiB', digits: 0 },
  max: { label: 'max, MiB', digits: 0 },
  last: { label: 'last, MiB', digits: 0 },
  slope: { label: 'slope, MiB per 100k jobs', digits: 2 },
}
export const goals = [
  { metric: 'max', of: 'kerja', atMost: 110, worst: true },
  { metric: 'slope', of: 'kerja', atMost: 1 },
]
export const timeoutMs = 300_000

export const roles = {
  fill: fillRole(contenders),
  async drain(_parent, contender, { count, sampleEvery }) {
    const system = await contenders[contender].load()
    const start = residentMiB()
    const samples = []
    const onProgress = (settled) => {
      if (settled % sampleEvery === 0) samples.push([settled / PER_100K, residentMiB()])
    }
    await system.drain({ count, concurrency: CONCURRENCY, onProgress })
    const sizes = samples.map(([, resident]) => resident)
    // The first sample still holds what starting up left behind.
    return { start, max: Math.max(...sizes), last: sizes.at(-1), slope: slope(samples.slice(1)) }
  },
}

export async function run(contender, size) {
  await startRole(name, 'fill', [contender, size.count]).result
  return startRole(name, 'drain', [contender, size]).result
}
