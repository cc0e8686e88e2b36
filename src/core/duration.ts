/** Durations as people write them: text such as '1h30m' to milliseconds and back. */
import { KerjaError, quote } from '../errors.js'

export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w'
type DurationPart = `${number}${DurationUnit}`

/**
 * A span of time: `'250ms'`, `'30s'`, `'5m'`, `'1h30m'`, `'1.5h'`, `'2d'`, `'1w'`, or a number of milliseconds.
 * Units run from large to small, each at most once. Three parts and more are read too, but only two are spelled out in the type.
 */
export type Duration = number | DurationPart | `${DurationPart}${DurationPart}`

export interface DurationRange {
  /** Smallest accepted value in ms. @default 0 */
  readonly minMs?: number
  /** Largest accepted value in ms. @default 10 years of 365 days */
  readonly maxMs?: number
}

const UNIT_MS: Readonly<Record<DurationUnit, number>> = Object.freeze({ w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 })

/** The longest duration accepted where no other bound is named: 10 years of 365 days. */
export const DURATION_MAX_MS = 3650 * UNIT_MS.d

const TEXT_CHARACTERS_MAX = 64
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw])\s*)+$/
const PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g

/**
 * Reads a duration into whole milliseconds. `name` is the option it was given for, as the user wrote it.
 * @throws {OPTION_INVALID} not a duration, negative, not finite, or outside `range`.
 */
export function parseDuration(value: unknown, name: string, range: DurationRange = {}): number {
  const { minMs = 0, maxMs = DURATION_MAX_MS } = range
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? textToMs(value) : Number.NaN
  const rounded = Math.round(ms)
  // `ms < 0` as well: -0.4 rounds to zero, yet nobody who writes it means zero.
  if (!Number.isFinite(ms) || ms < 0 || rounded < minMs || rounded > maxMs) {
    const bounds = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`
    throw new KerjaError(
      'OPTION_INVALID',
      `Option ${quote(name)} is ${show(value)}. Give a duration ${bounds}: text such as '250ms', '30s', '1h30m' or '2d', or a number of milliseconds.`,
      { details: { option: name, minMs, maxMs } },
    )
  }
  return rounded === 0 ? 0 : rounded
}

/** Short text for people: `'250ms'`, `'1h 30m'`. The two largest units that are not zero; what is smaller is cut off. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms)
  if (ms < 0) return `-${formatDuration(-ms)}`
  let rest = Math.round(ms)
  const parts: string[] = []
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit])
    rest -= count * UNIT_MS[unit]
    if (count > 0 && parts.length < 2) parts.push(`${count}${unit}`)
  }
  return parts.length === 0 ? '0ms' : parts.join(' ')
}

function textToMs(text: string): number {
  const trimmed = text.trim()
  if (trimmed.length > TEXT_CHARACTERS_MAX || !WHOLE.test(trimmed)) return Number.NaN
  let sum = 0
  let previousUnitMs = Number.POSITIVE_INFINITY
  for (const [, count, unit] of trimmed.matchAll(PART)) {
    const unitMs = UNIT_MS[unit as DurationUnit]
    // '30m1h' and '1h1h' are slips of the pen, not durations.
    if (unitMs >= previousUnitMs) return Number.NaN
    previousUnitMs = unitMs
    sum += Number(count) * unitMs
  }
  return sum
}

// JSON has no words for these, and would show them as null.
const show = (value: unknown): string => (typeof value === 'number' ? String(value) : quote(value))
