/** The segments that this process has to drain: those that it writes, and those that it adopted. */
import { adopt, letGo, type Owner, type SegmentFile } from './folder.js'
import { countLines, readBytes, readMark, removeSegment, type Segment } from './segment.js'

export interface Holdings {
  all(): readonly Segment[]
  /** The oldest that holds anything, and is not among these. */
  oldest(except?: ReadonlySet<Segment>): Segment | undefined
  has(segment: Segment): boolean
  add(segment: Segment): void
  /** Makes another's file this one's. Files that it held under that name it does not hold any more. */
  adopt(found: SegmentFile): Promise<void>
  /** It is another's now. */
  forget(segment: Segment): void
  /** Removes its file: nothing in it is to be drained. */
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
    oldest: (except) => segments.find((segment) => segment.drainedBytes < segment.soundBytes && except?.has(segment) !== true),
    has: (segment) => segments.includes(segment),
    add,
    forget,
    async adopt(found) {
      segments = segments.filter(({ name }) => name !== found.name)
      const path = await adopt(folder, found, owner)
      if (path === null) return
      try {
        const drainedBytes = Math.min(await readMark(folder, found.name), found.bytes)
        // Only now: until it was renamed, its owner may have added to it.
        const bytes = await readBytes(path, drainedBytes)
        const soundBytes = drainedBytes + (bytes?.length ?? 0)
        if (bytes !== null) add({ name: found.name, path, soundBytes, drainedBytes, jobCount: countLines(bytes), isKept: false })
      } catch (error) {
        // It has this process's name and is not held: it would stay where it is.
        await letGo(folder, { name: found.name, path }, owner)
        throw error
      }
    },
    async drop(segment) {
      forget(segment)
      await removeSegment(folder, segment)
    },
    bytes: () => sum(({ soundBytes }) => soundBytes),
    jobCount: () => sum(({ jobCount }) => jobCount),
  }
}
