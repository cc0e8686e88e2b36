/**
 * Text on a terminal. Payloads, errors, log lines and tags are written by others: nothing in them may move the cursor, change colours,
 * reorder what is read or forge a line of ours.
 */
import { formatDuration } from '../core/duration.js'

// C0 and C1 controls and DEL; bidirectional and other invisible formatting; line separators; the tag block; lone surrogates.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must be found.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

const SHORT_ESCAPES: Readonly<Record<string, string>> = Object.freeze({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character]
  if (short !== undefined) return short
  const code = character.codePointAt(0) as number
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`
}

/** On one line, every unsafe character written as an escape. */
export const safe = (text: string): string => text.replace(UNSAFE, escapeCharacter)

/** The same, keeping line breaks and tabs (as two spaces): for stack traces and pretty JSON. */
export const safeLines = (text: string): string[] => text.split(/\r?\n/).map((line) => safe(line.replaceAll('\t', '  ')))

/** Cut to `width` characters, the last of which is then an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

export const pad = (text: string, width: number, align: 'left' | 'right' = 'left'): string => {
  const gap = ' '.repeat(Math.max(0, width - [...text].length))
  return align === 'right' ? gap + text : text + gap
}

/**
 * JSON whose text is safe on a terminal too: what `JSON.stringify` leaves raw (C1, bidirectional, …) is written as \uXXXX, which means the same.
 * What JSON has no form for is written as text: BigInt as its digits, bytes as base64.
 */
export function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, (_key, part: unknown) => jsonForm(part), indent) ?? 'null'
  // Line breaks are the indentation here: those inside strings were escaped by JSON.stringify.
  return text.replace(UNSAFE, (character) => (character === '\n' ? character : jsonEscape(character)))
}

function jsonForm(part: unknown): unknown {
  if (typeof part === 'bigint') return part.toString()
  return part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part
}

function jsonEscape(character: string): string {
  let escaped = ''
  for (let index = 0; index < character.length; index++) escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  return escaped
}

/** At most two units, and milliseconds only below a second: `2d 3h`, `5m`, `340ms`. */
export const shortDuration = (ms: number): string => formatDuration(ms < 1_000 ? Math.max(0, ms) : Math.floor(ms / 1_000) * 1_000)

/** `3s ago`, `in 5m`, `now`. */
export function relativeTime(at: Date | null, now: number): string {
  if (at === null) return '-'
  const ms = now - at.getTime()
  if (Math.abs(ms) < 1_000) return 'now'
  return ms > 0 ? `${shortDuration(ms)} ago` : `in ${shortDuration(-ms)}`
}

/** A count that the store stops counting at: `10000+`. */
export const cappedCount = (count: number, cap: number): string => (count >= cap ? `${cap}+` : String(count))
