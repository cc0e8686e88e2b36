/**
 * The spool: a folder on the local disk that takes jobs while the backend is away, and gives them in the order in which they came. It knows nothing
 * of backends.
 *
 * States: unopened → open (at the first use, and anew at each look; a failed opening is tried again at the next use) → closed. A crash at any point leaves files that the next
 * process with this folder adopts: a job that was written is there until a backend has it, and a job that a backend has may be sent to it again.
 */
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NewJob } from '../contract/job.js'
import { faultOf, full, ignoreMissing } from './faults.js'
import { begunAt, isAbandoned, letGo, listFolder, newOwner, ownersHere, prepareFolder, removeOrphans } from './folder.js'
import { createHoldings } from './holdings.js'
import { createReader, type DamagedRecord, type SpoolBatch, type SpoolLimits } from './reader.js'
import { encodeJob, type SpooledJob } from './record.js'
import { writeLeft } from './segment.js'
import { createWriter } from './writer.js'

export type { SpoolBatch } from './reader.js'

export interface SpoolOptions {
  /** The folder. */
  readonly path: string
  readonly maxBytes: number
  /** A disk in memory will do. */
  readonly ephemeral: boolean
  readonly segmentBytes: number
  /** A file that nobody has touched for this long is nobody's. */
  readonly staleMs: number
  readonly now: () => number
  /** Bytes that are no record. They were kept in the file, and are passed over. */
  readonly onDamaged: (damaged: DamagedRecord) => void
}

export interface Spool {
  /** Resolves when the jobs are on disk. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} none was stored */
  write(jobs: readonly NewJob[]): Promise<void>
  /** Takes on what dead processes left, and says that this one lives. @throws {SPOOL_UNAVAILABLE} */
  look(): Promise<void>
  /** The oldest jobs; null when there are none. The same again until `leave`. @throws {SPOOL_UNAVAILABLE} */
  read(limits: SpoolLimits): Promise<SpoolBatch | null>
  /** Keeps a job that the backend refuses in a file of its own, whose path is the answer. */
  setAside(spooled: SpooledJob): Promise<string>
  /** The backend has them. */
  leave(batch: SpoolBatch): Promise<void>
  /** Lets go of files that hold nothing any more. */
  tidy(): Promise<void>
  facts(): SpoolFacts
  /** After the writes under way. What it holds stays. Never throws. */
  close(): Promise<void>
}

export interface SpoolFacts {
  /** Jobs that this process has to hand on. */
  readonly jobCount: number
  /** Of the whole folder, as it was last seen. */
  readonly bytes: number
  /** When the oldest of the jobs was spooled, in epoch ms; null without any. */
  readonly oldestAt: number | null
  /** Files that were set aside. */
  readonly asideCount: number
}

export function createSpool(options: SpoolOptions): Spool {
  const { path: folder, maxBytes, now } = options
  const owner = newOwner()
  const holdings = createHoldings(folder, owner)
  const writer = createWriter({ ...options, folder, owner, onBegun: holdings.add })
  const readBatch = createReader(folder, options.onDamaged)
  const open = createOpening(options, owner.instance)
  const looking = createLooking(options, { owner, holdings })
  /** The oldest batch, while it is not left. */
  let front: SpoolBatch | null = null
  let reservedBytes = 0

  const heldBytes = (): number => holdings.bytes() + looking.othersBytes() + reservedBytes

  async function tidy(): Promise<void> {
    for (const segment of holdings.all()) if (segment.left >= segment.size && writer.retire(segment)) await holdings.drop(segment)
  }

  async function leave(batch: SpoolBatch): Promise<void> {
    const { segment, end, recordCount } = batch
    if (front === batch) front = null
    segment.left = end
    segment.jobCount = end >= segment.size ? 0 : Math.max(0, segment.jobCount - recordCount)
    if (end >= segment.size && !writer.isWriting(segment)) return holdings.drop(segment)
    // Without room for the mark, or without its file: what is sent again merges.
    await writeLeft(folder, segment).catch(() => undefined)
  }

  async function read(limits: SpoolLimits): Promise<SpoolBatch | null> {
    while (front === null) {
      const segment = holdings.oldest()
      if (segment === undefined) return null
      const batch = await readBatch(segment, limits)
      if (batch === null) holdings.forget(segment)
      else if (batch.spooled.length === 0) await leave(batch)
      else front = batch
    }
    return front
  }

  return {
    async write(jobs) {
      await open()
      const at = now()
      const bytes = Buffer.from(jobs.map((job) => encodeJob({ at, job })).join(''))
      if (heldBytes() + bytes.length > maxBytes) await tidy()
      if (heldBytes() + bytes.length > maxBytes) throw full(folder, heldBytes(), maxBytes)
      reservedBytes += bytes.length
      try {
        await writer.append(bytes, jobs.length)
      } finally {
        reservedBytes -= bytes.length
      }
    },
    // Anew: somebody may have cleaned it away.
    look: () => asFault(folder, open('anew').then(looking.look)),
    read: (limits) => asFault(folder, read(limits)),
    async setAside(spooled) {
      const file = join(folder, `${spooled.job.id}.refused`)
      await writeFile(file, encodeJob(spooled), { mode: 0o600, flush: true })
      return file
    },
    leave,
    tidy,
    facts() {
      const oldest = holdings.oldest()
      const oldestAt = front?.spooled[0]?.at ?? (oldest === undefined ? null : begunAt(oldest.name))
      return { jobCount: holdings.jobCount(), bytes: heldBytes(), oldestAt, asideCount: looking.asideCount() }
    },
    async close() {
      await writer.close()
      // What cannot be removed or let go is adopted by the next process all the same.
      await tidy().catch(() => undefined)
      for (const segment of holdings.all()) await letGo(folder, segment, owner).catch(() => null)
      ownersHere().delete(owner.instance)
    },
  }
}

async function asFault<Answer>(folder: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    throw faultOf(error, folder)
  }
}

/** Once, unless asked anew; a failed opening is tried again at the next use. */
function createOpening({ path, ephemeral }: SpoolOptions, instance: string): (when?: 'anew') => Promise<void> {
  let opening: Promise<void> | null = null
  return (when) => {
    if (when === 'anew') opening = null
    opening ??= prepareFolder(path, ephemeral)
      .then(() => void ownersHere().add(instance))
      .catch((error) => {
        opening = null
        throw faultOf(error, path)
      })
    return opening
  }
}

interface Looking {
  look(): Promise<void>
  /** What the files of other processes took when last seen. */
  othersBytes(): number
  asideCount(): number
}

function createLooking(
  { path, staleMs, now }: SpoolOptions,
  { owner, holdings }: { readonly owner: ReturnType<typeof newOwner>; readonly holdings: ReturnType<typeof createHoldings> },
): Looking {
  let othersBytes = 0
  let asideCount = 0
  return {
    async look() {
      const list = await listFolder(path)
      asideCount = list.aside.length
      const staleBefore = now() - staleMs
      let bytes = 0
      for (const found of list.segments) {
        if (found.owner.instance === owner.instance) continue
        if (isAbandoned(found, { self: owner, staleBefore })) await holdings.takeOn(found)
        else bytes += found.bytes
      }
      othersBytes = bytes
      await removeOrphans(path, list, staleBefore)
      const touchedAt = now() / 1_000
      for (const segment of holdings.all()) await utimes(segment.path, touchedAt, touchedAt).catch(ignoreMissing)
    },
    othersBytes: () => othersBytes,
    asideCount: () => asideCount,
  }
}
