/** Turns whatever a handler threw into a small, storable record. Saving a failure cannot fail, so nothing here throws. */
import { quote } from '../errors.js'
import { DEFAULTS } from './options.js'
import { readProperty, readText } from './safe-read.js'

/** What a handler's error looks like once it is safe to store: capped, well-formed text without NUL. */
export interface JobFailure {
  readonly name: string
  readonly message: string
  readonly code: string | null
  /** The stack, followed by those of its causes; null when there was nothing beyond name and message. */
  readonly stack: string | null
}

export interface FailureLimits {
  readonly messageCharactersMax: number
  readonly stackCharactersMax: number
}

const { nameCharactersMax, causesMax, aggregatedMax } = DEFAULTS.failure
// The cap of one error within a chain, so that the first does not push its causes out of the text.
const CHAINED_SHARE = 0.5

// With the u flag a pair is one character, so this finds only halves without their partner. PostgreSQL accepts neither them nor NUL.
const NOT_STORABLE = /\p{Surrogate}/gu

/** Never throws: any value, however hostile, becomes a failure within `limits`. */
export function toJobFailure(error: unknown, limits: FailureLimits = DEFAULTS.failure): JobFailure {
  try {
    return {
      name: storable(nameOf(error), nameCharactersMax),
      message: storable(messageOf(error), limits.messageCharactersMax),
      code: codeOf(error),
      stack: stackOf(error, limits),
    }
  } catch {
    // The last resort (out of stack, say): a failure without detail is better than a job that cannot be settled.
    return { name: 'Error', message: 'The error that was thrown could not be read.', code: null, stack: null }
  }
}

const isErrorLike = (value: unknown): boolean => typeof readProperty(value, 'message') === 'string'

function nameOf(error: unknown): string {
  if (!isErrorLike(error)) return readText(error, 'name') ?? 'NonError'
  const name = readText(error, 'name') ?? 'Error'
  // A subclass that does not set its name inherits 'Error'; the name of its class says more.
  return name === 'Error' ? (readText(readProperty(error, 'constructor'), 'name')?.replace(/^Object$/, 'Error') ?? name) : name
}

function messageOf(error: unknown): string {
  if (isErrorLike(error)) return readProperty(error, 'message') as string
  return typeof error === 'string' ? error : `A value that is not an error was thrown: ${quote(error)}`
}

function codeOf(error: unknown): string | null {
  const code = readProperty(error, 'code')
  if (typeof code === 'number') return String(code)
  return typeof code === 'string' && code.length > 0 ? storable(code, nameCharactersMax) : null
}

function stackOf(error: unknown, limits: FailureLimits): string | null {
  const chained = readProperty(error, 'cause') !== undefined || Array.isArray(safeErrors(error))
  const ownMax = chained ? Math.floor(limits.stackCharactersMax * CHAINED_SHARE) : limits.stackCharactersMax
  const parts = [ownText(error, ownMax, limits.messageCharactersMax)]
  for (const { label, error: related } of relatedErrors(error)) parts.push(`${label}${ownText(related, ownMax, limits.messageCharactersMax)}`)
  const more = aggregatedBeyond(error)
  if (more > 0) parts.push(`… and ${more} more errors`)
  const bare = parts.length === 1 && readText(error, 'stack') === null
  return bare ? null : storable(parts.join('\n'), limits.stackCharactersMax)
}

/** The first errors of an AggregateError, then the chain of causes. Bounded, and no error twice. */
function relatedErrors(error: unknown): { label: string; error: unknown }[] {
  const seen = new Set<unknown>([error])
  const related: { label: string; error: unknown }[] = []
  for (const inner of (safeErrors(error) ?? []).slice(0, aggregatedMax)) {
    if (!seen.has(inner)) related.push({ label: 'One of: ', error: inner })
    seen.add(inner)
  }
  let cause = readProperty(error, 'cause')
  for (let depth = 0; cause !== undefined && cause !== null && depth < causesMax && !seen.has(cause); depth++) {
    seen.add(cause)
    related.push({ label: 'Caused by: ', error: cause })
    cause = readProperty(cause, 'cause')
  }
  return related
}

const aggregatedBeyond = (error: unknown): number => (safeErrors(error)?.length ?? 0) - aggregatedMax

function safeErrors(error: unknown): unknown[] | null {
  const errors = readProperty(error, 'errors')
  try {
    return Array.isArray(errors) ? errors : null
  } catch {
    // Array.isArray throws for a revoked proxy.
    return null
  }
}

/** One error without its causes: its stack when it has one, else name and message. */
function ownText(error: unknown, charactersMax: number, messageCharactersMax: number): string {
  const message = messageOf(error)
  const shortMessage = storable(message, messageCharactersMax)
  let text = readText(error, 'stack') ?? `${nameOf(error)}: ${shortMessage}`
  // V8 repeats the message in the stack. A huge one would leave no room for the frames, which are the point of a stack.
  const start = text.indexOf(': ') + 2
  if (message.length > messageCharactersMax && text.startsWith(message, start)) {
    text = `${text.slice(0, start)}${storable(message, Math.floor(charactersMax / 4))}${text.slice(start + message.length)}`
  }
  return storable(text, charactersMax)
}

function storable(text: string, charactersMax: number): string {
  const cut = text.length > charactersMax ? `${text.slice(0, Math.max(0, charactersMax - 1))}…` : text
  return cut.replaceAll('\u0000', '\uFFFD').replace(NOT_STORABLE, '\uFFFD')
}
