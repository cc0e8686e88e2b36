/**
 * Payload codec: JSON, plus tags for what JSON lacks: `{"$date":"…"}`, `{"$bigint":"…"}`, `{"$bytes":"<base64>"}`.
 * A user's own object whose single key starts with `$` gets one more `$`, so data that looks like a tag stays data.
 * Nothing is carried with a loss: what would not come back equal is refused, with the path to it.
 */
import { isKerjaError, KerjaError, quote } from '../errors.js'
import { bytesFromBase64, bytesToBase64, isBytes, isDate, isPlainObject, isStandardArray } from './codec-kinds.js'
import { lossyError, tooDeepError, tooLargeError, unreadableError } from './codec-refusals.js'

export interface CodecLimits {
  /** Largest encoded size, in UTF-8 bytes. */
  readonly bytesMax: number
  /** Most objects and arrays inside one another; a scalar has depth 0. Capped at 1,000, for the JavaScript stack ends somewhere. */
  readonly depthMax: number
}

const DOLLAR = 36
// Printable characters that JSON writes as they are. Halves of surrogate pairs are left to JSON.stringify, which escapes the lone ones.
const PLAIN_TEXT = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/
const PLAIN_CHARACTERS_MAX = 100

const DEPTH_CEILING = 1_000
// On the way down a tag adds one level to each value, so anything encoded within the ceiling decodes.
const DECODE_DEPTH_MAX = DEPTH_CEILING + 2
// A text this much over the limit is not finished just to tell its exact size: a small graph of shared objects can unfold into gigabytes.
const OVERRUN_FACTOR = 4
const OVERRUN_SLACK = 1_048_576

/** One encoding. `path` holds the key or index at each open level; what lies beyond `depth` is left over from finished branches. */
interface Walk {
  readonly what: string
  readonly depthMax: number
  readonly path: (string | number)[]
  readonly open: object[]
  depth: number
  charactersLeft: number
}

/**
 * Encodes a value. Each property is read once. `undefined` properties are dropped; bytes come back as a plain Uint8Array. `what` is the root
 * of the paths in messages.
 * @throws {PAYLOAD_LOSSY} a value that would not come back equal: function, symbol, Map, class instance, NaN, -0, cycle, `undefined` in an array…
 * @throws {PAYLOAD_TOO_DEEP} more levels than `limits.depthMax`.
 * @throws {PAYLOAD_TOO_LARGE} more bytes than `limits.bytesMax`.
 */
export function encode(value: unknown, limits: CodecLimits, what = 'payload'): string {
  const charactersMax = limits.bytesMax * OVERRUN_FACTOR + OVERRUN_SLACK
  const walk: Walk = { what, depthMax: Math.min(limits.depthMax, DEPTH_CEILING), path: [], open: [], depth: 0, charactersLeft: charactersMax }
  let text: string | undefined
  try {
    text = write(value, walk)
  } catch (error) {
    if (isKerjaError(error)) throw error
    if (error instanceof Overrun) throw tooLargeError(what, `more than ${charactersMax}`, limits.bytesMax)
    throw unreadableError(what, walk.path.slice(0, walk.depth), error)
  }
  if (text === undefined) throw lossyError(what, [], 'undefined')
  // No character takes more than three bytes, so most payloads need no counting.
  if (text.length * 3 > limits.bytesMax) {
    const bytes = byteLengthOf(text)
    if (bytes > limits.bytesMax) throw tooLargeError(what, String(bytes), limits.bytesMax)
  }
  return text
}

/**
 * Decodes what `encode` wrote.
 * @throws {PAYLOAD_CORRUPT} not JSON (truncated, say), an unknown tag, a tag with an impossible value, or too many levels.
 */
export function decode(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new KerjaError(
      'PAYLOAD_CORRUPT',
      `Stored text of ${text.length} characters is not JSON, so it was cut or changed after it was written. Restore it, or delete the job.`,
      { cause },
    )
  }
  return text.includes('"$') ? revive(value, 0) : value
}

/** UTF-8 bytes of a text. A lone surrogate counts as the three bytes of its replacement. */
export function byteLengthOf(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else {
      bytes += 2
      // A pair is four bytes, and two units.
      if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) index += 1
    }
  }
  return bytes
}

/** Ends an encoding that is far too large already. Never leaves this file. */
class Overrun extends Error {}

/** The JSON of a value, or undefined for `undefined`. */
function write(value: unknown, walk: Walk): string | undefined {
  switch (typeof value) {
    case 'string':
      return take(quoted(value), walk)
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return take(String(value), walk)
      throw refuse(walk, Object.is(value, -0) ? '-0, which JSON turns into 0' : String(value))
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return undefined
    case 'bigint':
      return take(`{"$bigint":"${value}"}`, walk)
    case 'object':
      return value === null ? 'null' : writeObject(value, walk)
    default:
      throw refuse(walk, `a ${typeof value}`)
  }
}

function writeObject(value: object, walk: Walk): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return writeRecord(value as Record<string, unknown>, walk)
  if (Array.isArray(value)) return writeArray(value, walk)
  if (isDate(value)) {
    const instant = value.getTime()
    if (Number.isNaN(instant)) throw refuse(walk, 'an Invalid Date')
    return take(`{"$date":"${new Date(instant).toISOString()}"}`, walk)
  }
  if (isBytes(value)) return take(`{"$bytes":"${bytesToBase64(value)}"}`, walk)
  if (isPlainObject(value)) return writeRecord(value as Record<string, unknown>, walk)
  throw refuse(walk, describe(value))
}

function writeRecord(record: Record<string, unknown>, walk: Walk): string {
  // Read before the level is opened, so that a proxy that throws here is named by its own path.
  const keys = Object.keys(record)
  const level = enter(record, walk)
  let text = ''
  let written = 0
  let firstKey = ''
  for (const key of keys) {
    walk.path[level] = key
    const member = write(record[key], walk)
    if (member === undefined) continue
    if (written === 0) firstKey = key
    text += written === 0 ? `${take(quotedKey(key), walk)}:${member}` : `,${take(quotedKey(key), walk)}:${member}`
    written += 1
  }
  walk.depth = level
  if (Object.getOwnPropertySymbols(record).length > 0) throw refuse(walk, 'an object with a symbol for a key')
  // `{"$x":…}` becomes `{"$$x":…}`. The text begins with the quote of its first key.
  return written === 1 && firstKey.charCodeAt(0) === DOLLAR ? `{"$${text.slice(1)}}` : `{${text}}`
}

function writeArray(array: readonly unknown[], walk: Walk): string {
  if (!isStandardArray(array)) throw refuse(walk, describe(array))
  const { length } = array
  const level = enter(array, walk)
  let text = ''
  for (let index = 0; index < length; index++) {
    walk.path[level] = index
    const member = write(array[index], walk)
    if (member === undefined) throw refuse(walk, index in array ? 'undefined inside an array' : 'a hole in a sparse array')
    text += index === 0 ? member : `,${member}`
  }
  walk.depth = level
  // The list of matches of a RegExp, say, would come back without its extra properties.
  if (Object.keys(array).length !== length) throw refuse(walk, 'an array with named properties')
  return `[${text}]`
}

/** Opens a level and returns its number. */
function enter(value: object, walk: Walk): number {
  const level = walk.depth
  if (level >= walk.depthMax) {
    // A cycle always ends up here, so looking for one costs nothing before.
    const cyclic = walk.open.slice(0, level).includes(value) || new Set(walk.open.slice(0, level)).size < level
    throw cyclic ? refuse(walk, 'part of a cycle') : tooDeepError(walk.what, walk.path.slice(0, level), walk.depthMax)
  }
  walk.open[level] = value
  walk.depth = level + 1
  walk.charactersLeft -= 2
  if (walk.charactersLeft < 0) throw new Overrun()
  return level
}

function take(text: string, walk: Walk): string {
  walk.charactersLeft -= text.length
  if (walk.charactersLeft < 0) throw new Overrun()
  return text
}

/** Twice as fast as JSON.stringify for the short plain text that most keys and values are. */
const quoted = (text: string): string => (text.length < PLAIN_CHARACTERS_MAX && PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text))

/** The keys of payloads come again and again (measured: 0.7 us instead of 0.9 for a payload of six). Full, it stays as it is. */
const quotedKeys = new Map<string, string>()
const QUOTED_KEYS_MAX = 1_000

function quotedKey(key: string): string {
  let text = quotedKeys.get(key)
  if (text === undefined) {
    text = quoted(key)
    if (quotedKeys.size < QUOTED_KEYS_MAX && key.length < PLAIN_CHARACTERS_MAX) quotedKeys.set(key, text)
  }
  return text
}

const refuse = (walk: Walk, found: string): KerjaError => lossyError(walk.what, walk.path.slice(0, walk.depth), found)

function describe(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name.length > 0 && name.length < 100 ? `an instance of ${name}` : 'an object with a prototype of its own'
}

/** Turns tags back into values, in place: the tree comes fresh from JSON.parse. */
function revive(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DECODE_DEPTH_MAX) throw corrupt(`Stored data has more than ${DECODE_DEPTH_MAX} levels`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const member: unknown = value[index]
      if (typeof member === 'object' && member !== null) value[index] = revive(member, depth + 1)
    }
    return value
  }
  const record = value as Record<string, unknown>
  const keys = Object.keys(record)
  const firstKey = keys[0]
  if (keys.length === 1 && firstKey !== undefined && firstKey.charCodeAt(0) === DOLLAR) return reviveTag(firstKey, record[firstKey], depth)
  for (const key of keys) {
    const member = record[key]
    if (typeof member !== 'object' || member === null) continue
    const revived = revive(member, depth + 1)
    // Defined, never assigned: assigning to a key named __proto__ may set the prototype.
    if (revived !== member) Object.defineProperty(record, key, { value: revived, writable: true, enumerable: true, configurable: true })
  }
  return record
}

function reviveTag(tag: string, content: unknown, depth: number): unknown {
  if (tag.charCodeAt(1) === DOLLAR) return { [tag.slice(1)]: revive(content, depth + 1) }
  if (typeof content === 'string') {
    if (tag === '$date') {
      const date = new Date(content)
      if (!Number.isNaN(date.getTime()) && date.toISOString() === content) return date
    }
    if (tag === '$bigint' && /^(?:0|-?[1-9]\d*)$/.test(content)) return BigInt(content)
    if (tag === '$bytes') {
      const bytes = bytesFromBase64(content)
      if (bytes !== null) return bytes
    }
  }
  throw corrupt(`Stored data has a tag ${quote(tag)} that this version cannot read`)
}

const corrupt = (what: string): KerjaError =>
  new KerjaError('PAYLOAD_CORRUPT', `${what}. It was written by a newer version or changed since: update this process, or delete the job.`)
