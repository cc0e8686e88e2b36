/** The next jobs of a segment. What is damaged is kept in a file of its own, and passed over. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { carriedOf, type Envelope } from '../contract/envelope.js'
import type { CarriedJob } from '../contract/transfer.js'
import { keptPath } from './folder.js'
import { type ParsedRecords, parseRecords } from './record.js'
import { countLines, readBytes, type Segment } from './segment.js'

/** The next jobs of one file. */
export interface SpoolBatch {
  readonly segment: Segment
  readonly spooled: readonly Envelope[]
  readonly jobs: readonly CarriedJob[]
  readonly end: number
  /** Records it stands for, damaged ones too. */
  readonly recordCount: number
}

export interface SpoolLimits {
  readonly jobs: number
  readonly bytes: number
}

export interface DamagedRecord {
  readonly file: string
  readonly bytes: number
}

interface Part extends ParsedRecords {
  readonly bytes: Buffer
}

/** Records from position `from` to before `to`: more than a part where one record is larger. Null when the file is gone. */
async function readPart(path: string, { from, to, limits }: { from: number; to: number; limits: SpoolLimits }): Promise<Part | null> {
  const rest = to - from
  for (let length = Math.min(limits.bytes, rest); ; length = Math.min(length * 2, rest)) {
    const bytes = await readBytes(path, from, length)
    if (bytes === null) return null
    const isWhole = length === rest || bytes.length < length
    const parsed = parseRecords(bytes, { start: from, isWhole, limit: limits.jobs })
    if (parsed.end > from || isWhole) return { bytes, ...parsed }
  }
}

/** All records of a file up to position `to`, part by part. It ends early when the file is gone. */
export async function* readRecords(
  path: string,
  { from, to, limits }: { from: number; to: number; limits: SpoolLimits },
): AsyncGenerator<ParsedRecords> {
  for (let at = from; at < to; ) {
    const part = await readPart(path, { from: at, to, limits })
    // With nothing in it, its end was cut away since it was opened.
    if (part === null || part.end === at) return
    yield part
    at = part.end
  }
}

/** Null when the file is gone: another process has adopted it. */
export type ReadBatch = (segment: Segment, limits: SpoolLimits) => Promise<SpoolBatch | null>

export function createReader(folder: string, onDamaged: (damaged: DamagedRecord) => void): ReadBatch {
  /** On a disk that is full there is no room for a copy, and none will be made as long as the jobs behind it wait: then the segment is kept. */
  async function keep(segment: Segment, { start, damaged }: { readonly start: number; readonly damaged: Buffer }): Promise<string> {
    const file = join(folder, `${segment.name}.${start}.damaged`)
    try {
      await writeFile(file, damaged, { mode: 0o600, flush: true })
      return file
    } catch {
      segment.isKept = true
      await rm(file, { force: true }).catch(() => undefined)
      return keptPath(folder, segment.name)
    }
  }

  return async (segment, limits) => {
    const { path, drainedBytes: from, soundBytes: to } = segment
    const part = await readPart(path, { from, to, limits })
    if (part === null) return null
    const { bytes, jobs, damages } = part
    for (const { start, end } of damages) {
      const damaged = bytes.subarray(start - from, end - from)
      const file = await keep(segment, { start, damaged })
      onDamaged({ file, bytes: damaged.length })
    }
    // With nothing in it, its end was cut away since it was opened.
    const end = part.end === from ? to : part.end
    return { segment, spooled: jobs, jobs: jobs.map(carriedOf), end, recordCount: countLines(bytes.subarray(0, end - from)) }
  }
}
