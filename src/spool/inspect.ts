/** What a spool folder, or one file of it, holds: read, and nothing changed. */
import { lstat, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ignoreMissing } from './faults.js'
import { isAbandoned, listFolder, newOwner, type SegmentFile } from './folder.js'
import { parseRecords, type SpooledJob } from './record.js'
import { readLeft } from './segment.js'

export interface SpoolFileView {
  readonly file: string
  /** Null for a file that is no longer written by anybody's name. */
  readonly host: string | null
  readonly pid: number | null
  /** Its process runs, as far as one can tell: it hands its jobs on itself. */
  readonly isAlive: boolean
  readonly bytes: number
  /** Not handed on yet. */
  readonly jobs: readonly SpooledJob[]
  /** Parts of it that are no job. */
  readonly damagedCount: number
}

export interface SpoolView {
  readonly files: readonly SpoolFileView[]
  /** Files that were set aside. */
  readonly aside: readonly string[]
}

/** `folder`, `file`, or null when there is neither. */
export async function kindOf(path: string): Promise<'folder' | 'file' | null> {
  const facts = await lstat(path).catch(ignoreMissing)
  if (facts === null) return null
  return facts.isDirectory() ? 'folder' : 'file'
}

export async function inspectFolder(folder: string, { now, staleMs }: { readonly now: number; readonly staleMs: number }): Promise<SpoolView> {
  const { segments, aside } = await listFolder(folder)
  const self = newOwner()
  const files: SpoolFileView[] = []
  for (const segment of segments) {
    const view = await viewOf(folder, segment)
    if (view !== null) files.push({ ...view, isAlive: !isAbandoned(segment, { self, staleBefore: now - staleMs }) })
  }
  return { files, aside }
}

async function viewOf(folder: string, { name, path, owner, bytes }: SegmentFile): Promise<SpoolFileView | null> {
  const content = await readFile(path).catch(ignoreMissing)
  if (content === null) return null
  const { jobs, damages } = parseFrom(content, await readLeft(folder, name))
  return { file: basename(path), host: owner.host, pid: owner.pid, isAlive: false, bytes, jobs, damagedCount: damages.length }
}

/** One file, by itself: also one that was set aside. */
export async function inspectFile(path: string): Promise<SpoolFileView> {
  const content = await readFile(path)
  const left = await readLeft(dirname(path), basename(path).split('.')[0] as string)
  const { jobs, damages } = parseFrom(content, left)
  return { file: basename(path), host: null, pid: null, isAlive: false, bytes: content.length, jobs, damagedCount: damages.length }
}

const parseFrom = (content: Buffer, left: number): ReturnType<typeof parseRecords> => {
  const start = Math.min(left, content.length)
  return parseRecords(content.subarray(start), { start, isWhole: true, limit: Number.MAX_SAFE_INTEGER })
}

export interface SpoolSummary {
  readonly jobCount: number
  readonly bytes: number
  readonly oldestAgeMs: number | null
  readonly damagedCount: number
  readonly asideCount: number
}

export function summaryOf({ files, aside }: SpoolView, now: number): SpoolSummary {
  const oldestAt = Math.min(...files.flatMap(({ jobs: [oldest] }) => (oldest === undefined ? [] : [oldest.at])))
  return {
    jobCount: files.reduce((sum, { jobs }) => sum + jobs.length, 0),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    oldestAgeMs: Number.isFinite(oldestAt) ? Math.max(0, now - oldestAt) : null,
    damagedCount: files.reduce((sum, { damagedCount }) => sum + damagedCount, 0),
    asideCount: aside.length,
  }
}
