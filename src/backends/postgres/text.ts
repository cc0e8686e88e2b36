/**
 * Texts as PostgreSQL can store them. It takes neither NUL nor halves of surrogate pairs, and U+001F is what batches are joined by. A text that
 * has any of them, which is next to none, is stored as a mark and its JSON, which has none.
 */

/** Joins the texts of a batch. */
export const SEPARATOR = '\u001F'
const MARK = '\u0001'

// With the u flag a pair is one character, so this finds only halves without their partner.
const HALF_PAIR = /\p{Surrogate}/u
const isPlain = (text: string): boolean =>
  text !== '' && text.charCodeAt(0) !== 1 && !text.includes(SEPARATOR) && !text.includes('\0') && !HALF_PAIR.test(text)

export const encodeText = (text: string): string => (isPlain(text) ? text : MARK + JSON.stringify(text))
export const decodeText = (text: string): string => (text.charCodeAt(0) === 1 ? (JSON.parse(text.slice(1)) as string) : text)
export const decodeNullable = (text: string | null): string | null => (text === null ? null : decodeText(text))
export const encodeNullable = (text: string | null): string | null => (text === null ? null : encodeText(text))

/** A list of numbers as the text of an SQL array. */
export const arrayOf = (items: readonly (number | string | null)[]): string => `{${items.map((item) => item ?? 'NULL').join(',')}}`
