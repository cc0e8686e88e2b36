/** Drains a spool by hand: a folder, with what dead processes left there, or one file. For `kerja spool drain`. */
import { realpath, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Backend } from '../contract/backend.js'
import { carriedOf } from '../contract/envelope.js'
import { DEFAULTS } from '../core/options.js'
import type { EventHub } from '../observe/events.js'
import { segmentNameOf } from '../spool/folder.js'
import { readRecords } from '../spool/reader.js'
import { createSpoolFiles, type SpoolFiles } from '../spool/spool.js'
import type { Again } from './again.js'
import { type DrainTally, drainBatch } from './spool-drain.js'

const { batchJobs, batchBytes, staleMs, fileBytesMax } = DEFAULTS.spool
const LIMITS = { jobs: batchJobs, bytes: batchBytes }

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

export interface DrainEnd {
  /** Parts that are no job. */
  readonly damagedCount: number
  /** Where what is damaged or refused is now: in files of its own, or still in the file. */
  readonly keptIn: 'own-files' | 'the-file'
}

/** What running processes have in the folder stays with them. @throws {SPOOL_UNAVAILABLE} and what the backend fails with */
export const drainFolder = (options: DrainFolderOptions): Promise<DrainEnd> => drainSegments(options, (spool) => spool.look())

/**
 * The file is gone when the backend has all that it holds. One that a process may write is adopted first, so that the process notices; of others
 * nobody writes, and what is damaged or refused stays in it. @throws {SPOOL_UNAVAILABLE} and what the backend fails with
 */
export async function drainFile(options: DrainFolderOptions): Promise<DrainEnd> {
  const path = await realpath(options.path)
  if (segmentNameOf(path) === null) return drainCopy({ ...options, path })
  return drainSegments({ ...options, path: dirname(path) }, (spool) => spool.adopt(path))
}

async function drainSegments(
  { path, now, signal, onDrained, ...parts }: DrainFolderOptions,
  take: (spool: SpoolFiles) => Promise<void>,
): Promise<DrainEnd> {
  let damagedCount = 0
  const onDamaged = (): void => {
    damagedCount += 1
  }
  // It writes none: what it holds may be as much as it likes.
  const spool = createSpoolFiles({ path, maxBytes: Number.MAX_SAFE_INTEGER, ephemeral: true, segmentBytes: fileBytesMax, staleMs, now, onDamaged })
  try {
    await take(spool)
    for (;;) {
      const batch = signal.aborted ? null : await spool.read(LIMITS)
      if (batch === null) return { damagedCount, keptIn: 'own-files' }
      onDrained(await drainBatch(batch, { spool, ...parts }))
    }
  } finally {
    await spool.close()
  }
}

async function drainCopy({ path, signal, onDrained, ...parts }: DrainFolderOptions): Promise<DrainEnd> {
  const { size } = await stat(path)
  const spool = { setAside: async () => path, leave: async () => undefined }
  let [refusedCount, damagedCount] = [0, 0]
  for await (const { jobs: spooled, damages } of readRecords(path, { from: 0, to: size, limits: LIMITS })) {
    if (signal.aborted) break
    damagedCount += damages.length
    if (spooled.length === 0) continue
    const tally = await drainBatch({ spooled, jobs: spooled.map(carriedOf) }, { spool, ...parts })
    refusedCount += tally.refused
    onDrained(tally)
  }
  // One that is empty, or has grown, is being written.
  const isWhole = size > 0 && (await stat(path)).size === size
  if (isWhole && refusedCount === 0 && damagedCount === 0 && !signal.aborted) await rm(path, { force: true })
  return { damagedCount, keptIn: 'the-file' }
}
