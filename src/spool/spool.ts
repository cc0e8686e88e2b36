/**
 * The spool: a folder on the local disk that takes jobs while the backend is away, and gives them in the order in which they came. It knows nothing
 * of backends.
 *
 * States: unopened → open (at the first use, and anew at each look; a failed opening is tried again at the next use) → closed. A crash at any point
 * leaves files that the next process with this folder adopts: a job that was written is there until a backend has it, and a job that a backend has
 * may be sent to it again.
 */
import { rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Envelope } from '../contract/envelope.js'
import type { NewJob } from '../contract/job.js'
import { faultOf, spoolFull } from './faults.js'
import {
  begunAt,
  isAbandoned,
  keptPath,
  letGo,
  listFolder,
  newOwner,
  type Owner,
  ownersHere,
  prepareFolder,
  removeOrphans,
  type SegmentFile,
  segmentAt,
} from './folder.js'
import { createHoldings, type Holdings } from './holdings.js'
import { createReader, type DamagedRecord, type SpoolBatch, type SpoolLimits } from './reader.js'
import { encodeJob } from './record.js'
import { type Segment, writeMark } from './segment.js'
import { createWriter, type Writer } from './writer.js'

export type { SpoolBatch } from './reader.js'

export interface SpoolFilesOptions {
  /** The folder. */
  readonly path: string
  /** Of all files in the folder together. */
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

export interface SpoolFiles {
  /** Resolves when the jobs are on disk. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} none was stored */
  write(jobs: readonly NewJob[]): Promise<void>
  /** Adopts what dead processes left, and says that this one lives. @throws {SPOOL_UNAVAILABLE} also when all but one file was adopted */
  look(): Promise<void>
  /** Adopts the file, whoever writes it: a living process notices, and goes on in another. @throws {SPOOL_UNAVAILABLE} */
  adopt(path: string): Promise<void>
  /** The oldest jobs; null when there are none. The same again until `leave`. @throws {SPOOL_UNAVAILABLE} */
  read(limits: SpoolLimits): Promise<SpoolBatch | null>
  /** Keeps a job of the batch that was read in a file of its own, since the backend refuses it. The path is the answer. */
  setAside(spooled: Envelope): Promise<string>
  /** The backend has them. */
  leave(batch: SpoolBatch): Promise<void>
  /** Lets go of files that hold nothing any more. */
  tidy(): Promise<void>
  facts(): SpoolFacts
  /** After the writes under way. What it holds stays. Never throws. */
  close(): Promise<void>
}

export interface SpoolFacts {
  /** Jobs that this process has to drain. */
  readonly jobCount: number
  /** Of all files in the folder, as it was last seen. */
  readonly bytes: number
  /** When the oldest of the jobs was spooled, in epoch ms; null without any. */
  readonly oldestAt: number | null
  /** Files that were set aside. */
  readonly asideCount: number
}

export function createSpoolFiles(options: SpoolFilesOptions): SpoolFiles {
  const { path: folder, maxBytes, now } = options
  const owner = newOwner()
  const holdings = createHoldings(folder, owner)
  const writer = createWriter({ ...options, folder, owner, onBegun: holdings.add, onVain: holdings.drop })
  const looking = createLooking(options, { owner, holdings, writer })
  const readBatch = createReader(folder, (damaged) => {
    looking.wasSetAside(damaged.bytes)
    options.onDamaged(damaged)
  })
  const open = createOpening(options, owner.instance)
  /** The oldest batch, while it is not left. */
  let front: SpoolBatch | null = null
  let reservedBytes = 0

  const heldBytes = (): number => holdings.bytes() + looking.bytes() + reservedBytes

  async function tidy(): Promise<void> {
    for (const segment of holdings.all()) if (segment.drainedBytes >= segment.soundBytes && writer.retire(segment.name)) await holdings.drop(segment)
  }

  async function leave(batch: SpoolBatch): Promise<void> {
    const { segment, end, recordCount } = batch
    if (front === batch) front = null
    // Another's now, or adopted anew: what is sent again merges.
    if (!holdings.has(segment)) return
    segment.drainedBytes = end
    segment.jobCount = end >= segment.soundBytes ? 0 : Math.max(0, segment.jobCount - recordCount)
    if (end >= segment.soundBytes && !writer.isWriting(segment)) return holdings.drop(segment)
    // Without room for the mark, or without its file, what is sent again merges. One that is kept goes from its start to who finds it after a crash.
    if (!segment.isKept) await writeMark(folder, segment).catch(() => undefined)
  }

  async function read(limits: SpoolLimits): Promise<SpoolBatch | null> {
    if (front !== null && !holdings.has(front.segment)) front = null
    const unreadable = new Set<Segment>()
    const failures: unknown[] = []
    while (front === null) {
      const segment = holdings.oldest(unreadable)
      if (segment === undefined && failures.length > 0) throw failures[0]
      if (segment === undefined) return null
      const batch = await readBatch(segment, limits).catch((error: unknown) => {
        // One that cannot be read keeps back no other.
        failures.push(error)
        unreadable.add(segment)
        return undefined
      })
      if (batch === undefined) continue
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
      if (heldBytes() + bytes.length > maxBytes) throw spoolFull(folder, heldBytes(), maxBytes)
      reservedBytes += bytes.length
      try {
        await writer.append(bytes, jobs.length)
      } finally {
        reservedBytes -= bytes.length
      }
    },
    // Anew: somebody may have cleaned it away.
    look: () => asFault(folder, open('anew').then(looking.look)),
    adopt: (path) => asFault(folder, looking.adopt(path)),
    read: (limits) => asFault(folder, read(limits)),
    setAside: (spooled) => writeAside(folder, { spooled, segment: front?.segment, looking }),
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

interface AsideParts {
  readonly spooled: Envelope
  /** Where it is for now. */
  readonly segment: Segment | undefined
  readonly looking: Looking
}

async function writeAside(folder: string, { spooled, segment, looking }: AsideParts): Promise<string> {
  const file = join(folder, `${spooled.job.id}.refused`)
  const bytes = Buffer.from(encodeJob(spooled))
  try {
    await writeFile(file, bytes, { mode: 0o600, flush: true })
    looking.wasSetAside(bytes.length)
    return file
  } catch (error) {
    if (segment === undefined) throw error
    // Without room for a copy the whole file is kept: none is made as long as the jobs behind this one wait.
    segment.isKept = true
    await rm(file, { force: true }).catch(() => undefined)
    return keptPath(folder, segment.name)
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
function createOpening({ path, ephemeral }: SpoolFilesOptions, instance: string): (when?: 'anew') => Promise<void> {
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
  adopt(path: string): Promise<void>
  /** So many bytes are in a file that no segment is. */
  wasSetAside(bytes: number): void
  /** What the files of other processes, and those that were set aside, took when last seen. */
  bytes(): number
  asideCount(): number
}

interface LookingParts {
  readonly owner: Owner
  readonly holdings: Holdings
  readonly writer: Writer
}

function createLooking({ path: folder, staleMs, now }: SpoolFilesOptions, { owner, holdings, writer }: LookingParts): Looking {
  let othersBytes = 0
  let asideBytes = 0
  let asideCount = 0

  /** A file that was this process's own comes back under its old path: what still writes there would write into a file that was read already. */
  async function adopt(found: SegmentFile): Promise<void> {
    if (writer.retire(found.name)) await holdings.adopt(found)
  }

  async function touch(): Promise<void> {
    const touchedAt = now() / 1_000
    // One that seems dead for want of this is adopted by another, and merges.
    for (const segment of holdings.all()) await utimes(segment.path, touchedAt, touchedAt).catch(() => undefined)
  }

  return {
    async look() {
      const list = await listFolder(folder)
      asideCount = list.aside.length
      asideBytes = list.aside.reduce((sum, { bytes }) => sum + bytes, 0)
      const staleBefore = now() - staleMs
      let bytes = 0
      const failures: unknown[] = []
      for (const found of list.segments) {
        // What this process let go of has its instance, and nobody's process id.
        if (found.owner.instance === owner.instance && found.owner.pid === owner.pid) continue
        // One that cannot be adopted keeps back no other.
        if (isAbandoned(found, { self: owner, staleBefore })) await adopt(found).catch((error) => failures.push(error))
        else bytes += found.bytes
      }
      othersBytes = bytes
      await removeOrphans(folder, list, staleBefore).catch((error) => failures.push(error))
      await touch()
      if (failures.length > 0) throw failures[0]
    },
    async adopt(path) {
      ownersHere().add(owner.instance)
      const found = await segmentAt(path)
      if (found === null) return
      await adopt(found)
      await touch()
    },
    wasSetAside(bytes) {
      asideBytes += bytes
      asideCount += 1
    },
    bytes: () => othersBytes + asideBytes,
    asideCount: () => asideCount,
  }
}
