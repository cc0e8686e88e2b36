/** Finds the wait that a thrown error asks for: the Retry-After of an HTTP response, wherever clients put it. */
import { DEFAULTS } from './options.js'
import { readProperty } from './safe-read.js'

const HEADER = 'retry-after'
const HEADER_NAMES_MAX = 1_000
const VALUE_CHARACTERS_MAX = 64
const SECONDS = /^\d+(?:\.\d+)?$/
// A date without a zone would be read in the zone of this machine.
const ZONED = /(?:GMT|UTC|Z|[+-]\d{2}:?\d{2})$/

/**
 * The wait in ms (0 to 24 h) that `error` asks for, or null. Looks at `error.retryAfter` (seconds, or the header's text), `error.headers`
 * and `error.response.headers`, each a Headers-like or a plain object in any case. Never throws, whatever the error is.
 */
export function retryAfterMs(error: unknown, now: number): number | null {
  return (
    valueToMs(readProperty(error, 'retryAfter'), now) ??
    valueToMs(readHeader(readProperty(error, 'headers')), now) ??
    valueToMs(readHeader(readProperty(readProperty(error, 'response'), 'headers')), now)
  )
}

function valueToMs(value: unknown, now: number): number | null {
  if (typeof value === 'number') return secondsToMs(value)
  if (typeof value !== 'string' || value.length > VALUE_CHARACTERS_MAX) return null
  const text = value.trim()
  if (SECONDS.test(text)) return secondsToMs(Number(text))
  const instant = ZONED.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(instant) ? null : capped(instant - now)
}

const secondsToMs = (seconds: number): number | null => (seconds >= 0 ? capped(seconds * 1_000) : null)

const capped = (ms: number): number => Math.min(DEFAULTS.job.retryAfterMaxMs, Math.max(0, Math.round(ms)))

function readHeader(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined
  try {
    const get = readProperty(headers, 'get')
    const found: unknown = typeof get === 'function' ? get.call(headers, HEADER) : undefined
    if (found !== undefined && found !== null) return found
    const name = Object.keys(headers)
      .slice(0, HEADER_NAMES_MAX)
      .find((candidate) => candidate.toLowerCase() === HEADER)
    const value = name === undefined ? undefined : readProperty(headers, name)
    return Array.isArray(value) ? value[0] : value
  } catch {
    // A hostile headers object asks for nothing.
    return undefined
  }
}
