/**
 * Records of a spool file: one line each, so that a damaged one ends at the next line, with its length and a checksum, so that every damage is
 * seen. `K1 ` length in hex, checksum in hex, the text of a JSON value, a newline.
 */
import { crc32 } from 'node:zlib'
import { type Envelope, parseEnvelope } from '../contract/envelope.js'

/** Bytes that are no record: from `start` to before `end`, positions in the file. */
export interface Damage {
  readonly start: number
  readonly end: number
}

export interface ParsedRecords {
  readonly jobs: readonly (Envelope & { readonly end: number })[]
  readonly damages: readonly Damage[]
  /** Everything before this position was understood, or is damaged. */
  readonly end: number
}

const TAG = 'K1 '
const HEX_DIGITS = 8
const LENGTH_AT = TAG.length
const CHECKSUM_AT = LENGTH_AT + HEX_DIGITS + 1
const HEADER_BYTES = CHECKSUM_AT + HEX_DIGITS + 1
const NEWLINE = 10
const HEADER = /^K1 ([0-9a-f]{8}) ([0-9a-f]{8}) $/

const hex = (value: number): string => value.toString(16).padStart(HEX_DIGITS, '0')

/** One line. The text must hold no newline: JSON has none. */
export function encodeRecord(text: string): string {
  const length = hex(Buffer.byteLength(text))
  return `${TAG}${length} ${hex(crc32(text, crc32(length)))} ${text}\n`
}

/** The bytes of a record's text, and where it ends; null when there is no whole record at `at`. */
function recordAt(bytes: Buffer, at: number): { readonly text: Buffer; readonly end: number } | null {
  const [, length = '', checksum = ''] = HEADER.exec(bytes.toString('latin1', at, at + HEADER_BYTES)) ?? []
  const end = at + HEADER_BYTES + Number.parseInt(length, 16)
  // Without a header the end is NaN, which is not within the bytes either.
  if (!(end <= bytes.length)) return null
  const text = bytes.subarray(at + HEADER_BYTES, end)
  return crc32(text, crc32(length)) === Number.parseInt(checksum, 16) ? { text, end } : null
}

/** The text of a file that is one record, or null. */
export function decodeRecord(bytes: Buffer): string | null {
  return recordAt(bytes, 0)?.text.toString() ?? null
}

export const encodeJob = ({ at, job }: Envelope): string => encodeRecord(JSON.stringify({ at, job }))

/**
 * Jobs among the bytes, which begin at position `start` of their file. With `isWhole` the file ends where they do; else the last record may be cut,
 * and is left for the next time. At most `limit` jobs.
 */
export function parseRecords(bytes: Buffer, { start, isWhole, limit }: { start: number; isWhole: boolean; limit: number }): ParsedRecords {
  const jobs: (Envelope & { readonly end: number })[] = []
  const damages: Damage[] = []
  let at = 0
  while (at < bytes.length && jobs.length < limit) {
    const record = recordAt(bytes, at)
    // The byte in the place of its newline is yet to come, and is no part of what follows.
    if (record?.end === bytes.length && !isWhole) break
    const spooled = record === null ? null : parseEnvelope(record.text.toString())
    if (record !== null && spooled !== null) {
      // Whatever stands in the place of the newline: the record itself is sound.
      at = Math.min(record.end + 1, bytes.length)
      jobs.push({ ...spooled, end: start + at })
      continue
    }
    const newline = bytes.indexOf(NEWLINE, at)
    if (newline === -1 && !isWhole) break
    const next = newline === -1 ? bytes.length : newline + 1
    const last = damages.at(-1)
    if (last?.end === start + at) damages[damages.length - 1] = { start: last.start, end: start + next }
    else damages.push({ start: start + at, end: start + next })
    at = next
  }
  return { jobs, damages, end: start + at }
}
