/** One file of a spool that this process drains, and perhaps still writes. */
import { constants } from 'node:fs'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { ignoreMissing } from './faults.js'
import { keptPath, markPath } from './folder.js'
import { decodeRecord, encodeRecord } from './record.js'

export interface Segment {
  readonly name: string
  readonly path: string
  /** Sound bytes from the start of the file: what lies behind them was written by a call that failed. */
  soundBytes: number
  /** Bytes from the start of the file that are at the backend, or were set aside. */
  drainedBytes: number
  /** Records behind those, damaged ones too. */
  jobCount: number
  /** There was no room to set aside a part of it: its file is kept whole when it is drained. */
  isKept: boolean
}

const NEWLINE = 10
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

/** Bytes of the file from position `start` on, to its end unless a length is given; null when it is gone. */
export async function readBytes(path: string, start: number, lengthMax = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
  const handle = await open(path, READ).catch(ignoreMissing)
  if (handle === null) return null
  try {
    const { size } = await handle.stat()
    const length = Math.max(0, Math.min(lengthMax, size - start))
    const bytes = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, start + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  } finally {
    await handle.close()
  }
}

export function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return bytes.length > 0 && bytes.at(-1) !== NEWLINE ? count + 1 : count
}

/** How many bytes were drained by whoever had it. A mark that is missing or damaged says nothing: all is sent again, and merges. */
export async function readMark(folder: string, name: string): Promise<number> {
  const bytes = await readFile(markPath(folder, name)).catch(ignoreMissing)
  const text = bytes === null ? null : decodeRecord(bytes)
  return text === null || !/^\d{1,15}$/.test(text) ? 0 : Number(text)
}

export async function writeMark(folder: string, { name, drainedBytes }: Segment): Promise<void> {
  await writeFile(markPath(folder, name), encodeRecord(String(drainedBytes)), { mode: 0o600 })
}

/** The jobs first: a mark alone is nothing. */
export async function removeSegment(folder: string, { name, path, isKept }: Segment): Promise<void> {
  if (isKept) await rename(path, keptPath(folder, name)).catch(ignoreMissing)
  else await rm(path, { force: true })
  await rm(markPath(folder, name), { force: true })
}
