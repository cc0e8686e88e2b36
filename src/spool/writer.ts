/**
 * Appends to the segment that this process writes, and syncs it: a write is answered when it is on disk, in a file that still is ours.
 *
 * States: no segment → (the first write) open → at its size, drained or faulty: no segment. Writes go one after the other; what a write that failed
 * has left behind is cut off, or the segment is not written any more. A crash leaves a cut record at the end, of which nobody was told.
 */
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { faultOf, ignoreMissing, spoolUnavailable } from './faults.js'
import { createNames, type Owner, segmentPath, syncFolder } from './folder.js'
import type { Segment } from './segment.js'

export interface WriterOptions {
  readonly folder: string
  readonly owner: Owner
  readonly now: () => number
  /** A segment of this size is followed by another. */
  readonly segmentBytes: number
  readonly onBegun: (segment: Segment) => void
  /** A segment that holds nothing is not written any more. */
  readonly onVain: (segment: Segment) => Promise<void>
}

export interface Writer {
  /** Resolves when the bytes, so many jobs, are on disk. @throws {SPOOL_FULL} {SPOOL_UNAVAILABLE} */
  append(bytes: Buffer, jobCount: number): Promise<void>
  /** Whether the segment is written now, or will be. */
  isWriting(segment: Segment): boolean
  /** Ends the segment of that name, unless a write is under way. Whether it is no longer written. */
  retire(name: string): boolean
  /** After the writes under way. Never throws. */
  close(): Promise<void>
}

interface Active {
  readonly segment: Segment
  readonly handle: FileHandle
  readonly inode: bigint
}

/** Files that went to another owner while they were written, in a row: somebody else's doing, and no accident. */
const TRIES_MAX = 5

export function createWriter({ folder, owner, now, segmentBytes, onBegun, onVain }: WriterOptions): Writer {
  const nextName = createNames(now)
  let active: Active | null = null
  let writing = 0
  let last: Promise<unknown> = Promise.resolve()

  async function begin(): Promise<Active> {
    const name = nextName()
    const path = segmentPath(folder, name, owner)
    const handle = await open(path, 'ax', 0o600)
    try {
      const { ino } = await handle.stat({ bigint: true })
      await syncFolder(folder)
      const segment: Segment = { name, path, soundBytes: 0, drainedBytes: 0, jobCount: 0, isKept: false }
      onBegun(segment)
      return { segment, handle, inode: ino }
    } catch (error) {
      await handle.close()
      await rm(path, { force: true })
      throw error
    }
  }

  const end = async (): Promise<void> => {
    const ended = active
    active = null
    await ended?.handle.close()
  }

  /** False when the file was taken by another process: these bytes are in nobody's charge. */
  async function write({ segment, handle, inode }: Active, bytes: Buffer): Promise<boolean> {
    for (let written = 0; written < bytes.length; ) written += (await handle.write(bytes, written)).bytesWritten
    const [facts] = await Promise.all([stat(segment.path, { bigint: true }).catch(ignoreMissing), handle.datasync()])
    return facts?.ino === inode
  }

  async function append(bytes: Buffer, jobCount: number): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (active !== null && active.segment.soundBytes >= segmentBytes) await end()
      active ??= await begin()
      const { segment } = active
      if (await write(active, bytes)) {
        segment.soundBytes += bytes.length
        segment.jobCount += jobCount
        return
      }
      await end()
    }
    throw spoolUnavailable(folder, 'other processes keep taking its files', 'Give this host a folder of its own, and keep its clock in step.')
  }

  async function appendOrCut(bytes: Buffer, jobCount: number): Promise<void> {
    try {
      await append(bytes, jobCount)
    } catch (error) {
      // What a failed sync has kept is not known: this file is written no more, and ends where it was sound.
      const failed = active
      await failed?.handle.truncate(failed.segment.soundBytes).catch(() => undefined)
      await end().catch(() => undefined)
      // A full disk would fill with empty files.
      if (failed?.segment.soundBytes === 0) await onVain(failed.segment).catch(() => undefined)
      throw faultOf(error, folder)
    }
  }

  return {
    append(bytes, jobCount) {
      writing += 1
      const appended = last
        .then(() => appendOrCut(bytes, jobCount))
        .finally(() => {
          writing -= 1
        })
      last = appended.catch(() => undefined)
      return appended
    },
    isWriting: (segment) => active?.segment === segment,
    retire(name) {
      // With none active, a write under way may just begin it.
      if (writing > 0 && (active === null || active.segment.name === name)) return false
      if (active?.segment.name !== name) return true
      const ended = end().catch(() => undefined)
      last = last.then(() => ended)
      return true
    },
    async close() {
      await last
      await end().catch(() => undefined)
    },
  }
}
