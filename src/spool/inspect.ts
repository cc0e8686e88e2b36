/** What a spool folder, or one file of it, holds: read part by part, and nothing changed. */
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { DEFAULTS } from '../core/options.js'
import { ignoreMissing } from './faults.js'
import { isAbandoned, listFolder, newOwner, segmentNameOf } from './folder.js'
import { readRecords } from './reader.js'
import { readMark } from './segment.js'

export interface FileContent {
  readonly file: string
  /** Null for a file that is looked at by itself. */
  readonly host: string | null
  readonly pid: number | null
  /** Its process runs, as far as one can tell: it drains it itself. */
  readonly isAlive: boolean
  readonly bytes: number
  /** Not drained yet. */
  readonly jobCount: number
  /** When the first of the jobs was enqueued, in epoch ms; null without any. */
  readonly oldestAt: number | null
  /** Parts of it that are no job. */
  readonly damagedCount: number
}

export interface FolderContent {
  readonly files: readonly FileContent[]
  /** Files that were set aside. */
  readonly aside: readonly string[]
}

/** `folder`, `file`, or null when there is neither. */
export async function kindOf(path: string): Promise<'folder' | 'file' | null> {
  const facts = await stat(path).catch(ignoreMissing)
  if (facts === null) return null
  return facts.isDirectory() ? 'folder' : 'file'
}

export async function inspectFolder(folder: string, { now, staleMs }: { readonly now: number; readonly staleMs: number }): Promise<FolderContent> {
  const { segments, aside } = await listFolder(folder)
  const self = newOwner()
  const files: FileContent[] = []
  for (const segment of segments) {
    const { path, bytes, owner } = segment
    const isAlive = !isAbandoned(segment, { self, staleBefore: now - staleMs })
    files.push({ file: basename(path), host: owner.host, pid: owner.pid, isAlive, bytes, ...(await countJobs(path, bytes)) })
  }
  return { files, aside: aside.map(({ file }) => file) }
}

/** One file, by itself: also one that was set aside. */
export async function inspectFile(given: string): Promise<FileContent> {
  const path = await realpath(given)
  const { size } = await stat(path)
  return { file: basename(path), host: null, pid: null, isAlive: false, bytes: size, ...(await countJobs(path, size)) }
}

async function countJobs(path: string, bytes: number): Promise<Pick<FileContent, 'jobCount' | 'oldestAt' | 'damagedCount'>> {
  // The mark of a segment says nothing of what was set aside from it.
  const name = segmentNameOf(path)
  const from = name === null ? 0 : await readMark(dirname(path), name)
  const limits = { jobs: Number.MAX_SAFE_INTEGER, bytes: DEFAULTS.spool.batchBytes }
  let [jobCount, damagedCount] = [0, 0]
  let oldestAt: number | null = null
  for await (const { jobs, damages } of readRecords(path, { from, to: bytes, limits })) {
    jobCount += jobs.length
    damagedCount += damages.length
    oldestAt ??= jobs[0]?.at ?? null
  }
  return { jobCount, oldestAt, damagedCount }
}

export interface SpoolSummary {
  readonly jobCount: number
  readonly bytes: number
  readonly oldestAgeMs: number | null
  readonly damagedCount: number
  readonly asideCount: number
}

export function summaryOf({ files, aside }: FolderContent, now: number): SpoolSummary {
  const oldestAt = Math.min(...files.flatMap((file) => file.oldestAt ?? []))
  return {
    jobCount: files.reduce((sum, { jobCount }) => sum + jobCount, 0),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    oldestAgeMs: Number.isFinite(oldestAt) ? Math.max(0, now - oldestAt) : null,
    damagedCount: files.reduce((sum, { damagedCount }) => sum + damagedCount, 0),
    asideCount: aside.length,
  }
}
