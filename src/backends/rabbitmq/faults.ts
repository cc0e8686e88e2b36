/** What RabbitMQ's errors mean to the caller: coded errors that say what happened and what to do. */
import { isKerjaError, KerjaError } from '../../errors.js'

/** Reply codes of AMQP 0-9-1. */
export const ACCESS_REFUSED = 403
export const NOT_FOUND = 404
export const PRECONDITION_FAILED = 406

/** The reply code that the broker gave; null when the error is not its own. */
export function replyCodeOf(error: unknown): number | null {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'number') return code
  // While connecting, the library gives the code in its words only.
  const match = typeof message === 'string' ? /^Handshake terminated by server: (\d{3})\b/.exec(message) : null
  return match === null ? null : Number(match[1])
}

export const unavailable = (location: string, words: string, cause?: unknown): KerjaError =>
  new KerjaError('BACKEND_UNAVAILABLE', `${location} ${words}`, { ...(cause === undefined ? {} : { cause }), details: { location } })

/** The coded error for a failed call. Kerja's own errors pass through. */
export function faultOf(error: unknown, location: string): KerjaError {
  if (isKerjaError(error)) return error
  return unavailable(location, `could not do the call, or ended the connection. Kerja connects again by itself. (${wordsOf(error)})`, error)
}

/** The coded error for a connection that did not come about. */
export function connectFaultOf(error: unknown, location: string): KerjaError {
  if (isKerjaError(error)) return error
  const words =
    replyCodeOf(error) === ACCESS_REFUSED
      ? 'refused to log this user in. Check the user name and the password; `guest` may only come from the same machine.'
      : 'cannot be reached. Check the URL, its virtual host and the user’s right to it, the network, and that the server runs.'
  return unavailable(location, `${words} Kerja tries again by itself. (${wordsOf(error)})`, error)
}

/** A refused connection of a name with several addresses is an AggregateError without words of its own. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

export const closedError = (location: string): KerjaError =>
  new KerjaError('BACKEND_CLOSED', `The connection to ${location} was closed by \`close()\`. Make a new one.`, { details: { location } })
