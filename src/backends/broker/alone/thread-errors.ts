/** Coded errors between threads: a clone of an error loses its class and its code. */
import { isKerjaError, KerjaError, type KerjaErrorCode } from '../../../errors.js'

export interface ErrorData {
  /** Null: a defect, of which only the words are left. */
  readonly code: KerjaErrorCode | null
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

export function encodeError(error: unknown): ErrorData {
  if (isKerjaError(error)) return { code: error.code, message: error.message, details: plainOf(error.details) }
  return { code: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error), details: {} }
}

export const decodeError = ({ code, message, details }: ErrorData): Error =>
  code === null ? new Error(message) : new KerjaError(code, message, { details })

/** Details are for programs; one that cannot be written down is left out. */
function plainOf(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isPlain = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)
  return Object.fromEntries(Object.entries(details).filter(([, value]) => isPlain(value)))
}
