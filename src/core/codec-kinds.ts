/** Which objects the payload codec can carry, told apart also when they come from another realm (a vm context, a test runner). */

const CHUNK_BYTES = 8_192
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** An object literal, `Object.create(null)`, or an object literal of another realm. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  // The Object.prototype of another realm: it ends the chain, and has what only an Object.prototype has of its own.
  return typeof prototype === 'object' && prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

/** An array of this realm or another, but not of a subclass: an Array.prototype is itself an array, the prototype of a subclass is not. */
export function isStandardArray(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Array.prototype || (Array.isArray(prototype) && prototype.length === 0 && Object.hasOwn(prototype, 'copyWithin'))
}

/** A Date without properties of its own, and not of a subclass. */
export function isDate(value: object): value is Date {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null || !Object.hasOwn(prototype, 'setUTCMilliseconds')) return false
  return Object.prototype.toString.call(value) === '[object Date]' && Object.keys(value).length === 0
}

/** A Uint8Array, or a subclass that adds nothing but methods (Node's Buffer). */
export const isBytes = (value: object): value is Uint8Array => ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === 'Uint8Array'

export function bytesToBase64(bytes: Uint8Array): string {
  let binary = ''
  // In chunks, for each byte becomes an argument and their number is limited.
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK_BYTES))
  return btoa(binary)
}

/** The bytes, or null when the text is not base64 with padding. */
export function bytesFromBase64(text: string): Uint8Array | null {
  if (!BASE64.test(text)) return null
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index)
  return bytes
}
