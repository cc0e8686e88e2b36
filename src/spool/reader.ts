/** The next jobs of a segment. What is damaged is kept in a file of its own, and passed over. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CarriedJob } from '../contract/transfer.js'
import { carriedOf } from './carried.js'
import { type ParsedRecords, parseRecords, type SpooledJob } from './record.js'
import { countLines, readSegment, type Segment } from './segment.js'

/** The next jobs of one file. */
export interface SpoolBatch {
  readonly segment: Segment
  readonly spooled: readonly SpooledJob[]
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

/** Null when the file is gone: another process has taken it on. */
export type ReadBatch = (segment: Segment, limits: SpoolLimits) => Promise<SpoolBatch | null>

export function createReader(folder: string, onDamaged: (damaged: DamagedRecord) => void): ReadBatch {
  /** The whole rest, when one record is larger than a part. */
  async function parse(segment: Segment, limits: SpoolLimits): Promise<{ readonly bytes: Buffer; readonly parsed: ParsedRecords } | null> {
    const rest = segment.size - segment.left
    for (let length = Math.min(limits.bytes, rest); ; length = rest) {
      const bytes = await readSegment(segment, segment.left, length)
      if (bytes === null) return null
      const isWhole = length === rest || bytes.length < length
      const parsed = parseRecords(bytes, { start: segment.left, isWhole, limit: limits.jobs })
      if (parsed.end > segment.left || isWhole) return { bytes, parsed }
    }
  }

  return async (segment, limits) => {
    const found = await parse(segment, limits)
    if (found === null) return null
    const { bytes, parsed } = found
    for (const { start, end } of parsed.damages) {
      const file = join(folder, `${segment.name}.${start}.damaged`)
      const damaged = bytes.subarray(start - segment.left, end - segment.left)
      await writeFile(file, damaged, { mode: 0o600, flush: true })
      onDamaged({ file, bytes: damaged.length })
    }
    // With nothing in it, its end was cut away since it was opened.
    const end = parsed.end === segment.left ? segment.size : parsed.end
    const recordCount = countLines(bytes.subarray(0, end - segment.left))
    return { segment, spooled: parsed.jobs, jobs: parsed.jobs.map(carriedOf), end, recordCount }
  }
}
