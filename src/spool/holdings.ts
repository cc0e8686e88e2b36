/** The segments that this process has to hand on: those that it writes, and those that it took on. */
import { adopt, type Owner, type SegmentFile } from './folder.js'
import { countLines, readLeft, readSegment, removeSegment, type Segment } from './segment.js'

export interface Holdings {
  all(): readonly Segment[]
  /** The oldest that holds anything. */
  oldest(): Segment | undefined
  add(segment: Segment): void
  /** Makes a dead process's file this one's. */
  takeOn(found: SegmentFile): Promise<void>
  /** It is another's now. */
  forget(segment: Segment): void
  /** Removes its file: nothing in it is to be handed on. */
  drop(segment: Segment): Promise<void>
  bytes(): number
  jobCount(): number
}

export function createHoldings(folder: string, owner: Owner): Holdings {
  let segments: readonly Segment[] = []
  const forget = (segment: Segment): void => {
    segments = segments.filter((other) => other !== segment)
  }
  const add = (segment: Segment): void => {
    segments = [...segments, segment].sort((one, other) => (one.name < other.name ? -1 : 1))
  }
  const sum = (of: (segment: Segment) => number): number => segments.reduce((total, segment) => total + of(segment), 0)

  return {
    all: () => segments,
    oldest: () => segments.find(({ left, size }) => left < size),
    add,
    forget,
    async takeOn(found) {
      const path = await adopt(folder, found, owner)
      if (path === null) return
      const left = Math.min(await readLeft(folder, found.name), found.bytes)
      const segment: Segment = { name: found.name, path, size: found.bytes, left, jobCount: 0 }
      // Only now: until it was renamed, its owner may have added to it.
      const bytes = await readSegment(segment, left)
      if (bytes === null) return
      segment.size = left + bytes.length
      segment.jobCount = countLines(bytes)
      add(segment)
    },
    async drop(segment) {
      forget(segment)
      await removeSegment(folder, segment)
    },
    bytes: () => sum(({ size }) => size),
    jobCount: () => sum(({ jobCount }) => jobCount),
  }
}
