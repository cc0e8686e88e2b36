/** Ids that whoever makes them makes alike: a schedule's tick, a job enqueued by another job's run. */

const BYTES_PER_ID = 16

/**
 * A UUIDv7 whose time is `timeMs` and whose other bits are a digest of `parts`: the same arguments give the same id, in any process.
 * `sha256` is an argument because this module is free of Node.
 */
export function deriveId(sha256: (text: string) => Uint8Array, timeMs: number, ...parts: readonly string[]): string {
  // As JSON, so that ('ab', 'c') and ('a', 'bc') differ.
  const bytes = sha256(JSON.stringify([timeMs, ...parts])).slice(0, BYTES_PER_ID)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const time = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, '0').slice(-12)
  return `${time.slice(0, 8)}-${time.slice(8)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
