/** Unknown names: refuse them, and name the known one that was probably meant. */
import { KerjaError, quote } from '../errors.js'

const WORD_CHARACTERS_MAX = 64

/** The known word that `word` is probably a misspelling of, or undefined when none is near. Case does not count. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length === 0 || word.length > WORD_CHARACTERS_MAX) return undefined
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    // One slip per three letters, at most three: beyond that a suggestion misleads more often than it helps.
    const allowed = Math.min(3, Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)))
    if (candidate.length > WORD_CHARACTERS_MAX || Math.abs(candidate.length - word.length) > allowed) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    // A word of which every letter would have to change is not a misspelling.
    if (distance <= allowed && distance < candidate.length && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/**
 * Refuses what is no object of options, or holds a name not in `known`. Looks at own enumerable names only. `where` is the place as the user
 * knows it: `enqueue()`.
 * @throws {OPTION_UNKNOWN} with the nearest known name, and all of them. {OPTION_INVALID}
 */
export function rejectUnknown(input: unknown, known: readonly string[], where: string): void {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new KerjaError('OPTION_INVALID', `The options of ${where} must be an object; got ${quote(input)}.`, { details: { where } })
  for (const option of Object.keys(input)) {
    if (known.includes(option)) continue
    const suggestion = nearest(option, known)
    const hint = suggestion === undefined ? '' : ` Did you mean ${quote(suggestion)}?`
    throw new KerjaError(
      'OPTION_UNKNOWN',
      `Unknown option ${quote(option)} of ${where}.${hint} Known: ${known.length === 0 ? 'none' : known.join(', ')}.`,
      {
        details: { option, where, suggestion: suggestion ?? null },
      },
    )
  }
}

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1
      let distance = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + cost)
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) distance = Math.min(distance, beforePrevious[column - 2]! + 1)
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[to.length]!
}
