/** Which texts may name kinds, queues, keys, groups and tags. */
import { KerjaError, quote } from '../errors.js'
import { DEFAULTS } from './options.js'

// Letters, digits and . _ - : / @ +: what every backend, URL path and metric label can carry. Leading '-' would read as a flag.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._:/@+-]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must be found.
const CONTROL = /[\u0000-\u001f\u007f]/
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** A kind, queue, worker or schedule name: 1 to 200 of `A-Z a-z 0-9 . _ - : / @ +`, no leading `-`. @throws {OPTION_INVALID} */
export function checkName(value: unknown, option: string): string {
  if (typeof value === 'string' && value.length <= DEFAULTS.names.charactersMax && NAME.test(value)) return value
  throw new KerjaError(
    'OPTION_INVALID',
    `${option} must be 1 to ${DEFAULTS.names.charactersMax} characters of A-Z a-z 0-9 . _ - : / @ + and not begin with "-"; got ${quote(value)}.`,
    {
      details: { option },
    },
  )
}

/** A key, group or tag: any text of 1 to 512 characters without control characters and lone surrogates. @throws {OPTION_INVALID} */
export function checkKey(value: unknown, option: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= DEFAULTS.names.keyCharactersMax && !CONTROL.test(value) && isWellFormed(value))
    return value
  throw new KerjaError(
    'OPTION_INVALID',
    `${option} must be a string of 1 to ${DEFAULTS.names.keyCharactersMax} characters without control characters; got ${quote(value)}.`,
    { details: { option } },
  )
}

/** Why a job ends: text, cut to 1,000 characters, for it is for people and must not fail what it explains. @throws {OPTION_INVALID} no text */
export function checkReason(value: unknown): string {
  if (typeof value === 'string' && value !== '') {
    const cut = value.slice(0, DEFAULTS.names.reasonCharactersMax)
    // A cut may halve a pair of surrogates, and half a pair has no UTF-8 form.
    return cut.replace(LONE_SURROGATE, '\uFFFD')
  }
  throw new KerjaError('OPTION_INVALID', `A reason must be text of at least 1 character; got ${quote(value)}.`, { details: { option: 'reason' } })
}

/** A whole number within a range. @throws {OPTION_INVALID} */
export function checkInteger(value: unknown, option: string, range: { readonly min: number; readonly max: number }): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= range.min && value <= range.max) return value
  throw new KerjaError('OPTION_INVALID', `${option} must be a whole number from ${range.min} to ${range.max}; got ${quote(value)}.`, {
    details: { option },
  })
}

/** One of a few words. @throws {OPTION_INVALID} */
export function checkWord<const W extends string>(value: unknown, option: string, words: readonly W[]): W {
  if (typeof value === 'string' && (words as readonly string[]).includes(value)) return value as W
  throw new KerjaError('OPTION_INVALID', `${option} must be one of ${words.map((word) => `'${word}'`).join(', ')}; got ${quote(value)}.`, {
    details: { option },
  })
}

// A lone surrogate has no UTF-8 form: stores would change it silently.
function isWellFormed(text: string): boolean {
  return text.search(LONE_SURROGATE) === -1
}
