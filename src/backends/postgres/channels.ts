/** The names of the channels on which processes wake each other. */
import { createHash } from 'node:crypto'

export type WakeKind = 'available' | 'changed'
export const WAKE_KINDS: readonly WakeKind[] = ['available', 'changed']

const IDENTIFIER_BYTES_MAX = 63

/** One per schema and kind; a name too long for PostgreSQL is replaced by a digest. */
export function channelOf(schema: string, kind: string): string {
  const name = `${schema}.${kind}`
  return Buffer.byteLength(name) <= IDENTIFIER_BYTES_MAX ? name : `kerja.${createHash('sha256').update(schema).digest('hex').slice(0, 32)}.${kind}`
}
