/** Cuts the line to the broker while people keep uploading, and counts how they fared. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Line } from './line.js'
import { REQUEST_GROUPS, type Tally } from './tally.js'

export interface Outage {
  readonly tookMs: number
  /** Requests answered meanwhile, and the slowest. */
  readonly requests: number
  readonly slowestMs: number
  /** Jobs that were kept on the local disk. */
  readonly spooled: number
}

const OUTAGE_MS = 20_000

export async function playOutage(line: Line, tally: Tally, say: (text: string) => void): Promise<Outage> {
  const answered = () => REQUEST_GROUPS.map((group) => tally.times(group).length)
  const [before, spooledBefore, cutAt] = [answered(), tally.count('job.spooled'), performance.now()]
  line.cut()
  say(`the broker cannot be reached for ${OUTAGE_MS / 1000} s; people keep uploading`)
  await sleep(OUTAGE_MS)
  const times = REQUEST_GROUPS.flatMap((group, index) => tally.times(group).slice(before[index]))
  const tookMs = performance.now() - cutAt
  await line.mend()
  const spooled = tally.count('job.spooled') - spooledBefore
  say(`the broker is back; ${spooled} jobs were kept on the local disk`)
  return { tookMs, requests: times.length, slowestMs: Math.max(0, ...times), spooled }
}
