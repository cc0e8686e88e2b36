/** Empties a spool by hand: a folder, with what dead processes left there, or one file. For `kerja spool drain`. */
import { rm } from 'node:fs/promises'
import type { Backend } from '../contract/backend.js'
import { DEFAULTS } from '../core/options.js'
import type { EventHub } from '../observe/events.js'
import { carriedOf } from '../spool/carried.js'
import { inspectFile } from '../spool/inspect.js'
import { createSpool } from '../spool/spool.js'
import type { Again } from './again.js'
import { type DrainTally, handOn } from './spool-drain.js'

const { batchJobs, batchBytes, staleMs, fileBytesMax } = DEFAULTS.spool

export interface DrainFolderOptions {
  readonly path: string
  readonly target: Backend
  readonly again: Again
  readonly events: Pick<EventHub, 'emit'>
  readonly now: () => number
  /** Ends it after the batch under way. */
  readonly signal: AbortSignal
  readonly onDrained: (tally: DrainTally) => void
}

/** What running processes have in the folder stays with them. How many parts were damaged. @throws {SPOOL_UNAVAILABLE} and what the backend fails with */
export async function drainFolder({ path, now, signal, onDrained, ...parts }: DrainFolderOptions): Promise<number> {
  let damagedCount = 0
  const onDamaged = (): void => {
    damagedCount += 1
  }
  // It writes none: what it holds may be as much as it likes.
  const spool = createSpool({ path, maxBytes: Number.MAX_SAFE_INTEGER, ephemeral: true, segmentBytes: fileBytesMax, staleMs, now, onDamaged })
  try {
    await spool.look()
    for (;;) {
      const batch = signal.aborted ? null : await spool.read({ jobs: batchJobs, bytes: batchBytes })
      if (batch === null) return damagedCount
      onDrained(await handOn(batch, { spool, ...parts }))
    }
  } finally {
    await spool.close()
  }
}

/** The file is removed when the backend has all that it holds. How many parts were damaged: then it stays. */
export async function drainFile({ path, signal, onDrained, ...parts }: DrainFolderOptions): Promise<number> {
  const { jobs, damagedCount } = await inspectFile(path)
  let refusedCount = 0
  for (let at = 0; at < jobs.length && !signal.aborted; at += batchJobs) {
    const spooled = jobs.slice(at, at + batchJobs)
    const batch = { spooled, jobs: spooled.map(carriedOf) }
    // Refused ones stay where they are: in this file.
    const spool = { setAside: async () => path, leave: async () => undefined }
    const tally = await handOn(batch, { spool, ...parts })
    refusedCount += tally.refused
    onDrained(tally)
  }
  if (refusedCount === 0 && damagedCount === 0 && !signal.aborted) await rm(path)
  return damagedCount
}
