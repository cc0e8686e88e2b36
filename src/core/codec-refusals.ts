/** The words in which the payload codec refuses a value: what was found, where, and what to do instead. */
import { KerjaError } from '../errors.js'

const KEY_CHARACTERS_MAX = 60
const LEVELS_SHOWN_MAX = 12
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** `payload.user.tags[3]`. Long keys and long paths are cut in the middle. */
export function pathText(root: string, path: readonly (string | number)[]): string {
  const levels = path.map((level) => {
    if (typeof level === 'number') return `[${level}]`
    if (IDENTIFIER.test(level) && level.length <= KEY_CHARACTERS_MAX) return `.${level}`
    return `[${JSON.stringify(level.length > KEY_CHARACTERS_MAX ? `${level.slice(0, KEY_CHARACTERS_MAX)}…` : level)}]`
  })
  if (levels.length <= LEVELS_SHOWN_MAX) return root + levels.join('')
  return `${root}${levels.slice(0, LEVELS_SHOWN_MAX - 2).join('')}…${levels.slice(-2).join('')}`
}

export function lossyError(what: string, path: readonly (string | number)[], found: string): KerjaError {
  const where = pathText(what, path)
  return new KerjaError(
    'PAYLOAD_LOSSY',
    `${where} is ${found}, which cannot be stored without loss. Send plain objects, arrays, strings, finite numbers, booleans, null, Date, BigInt or Uint8Array.`,
    { details: { path: where, found } },
  )
}

export function unreadableError(what: string, path: readonly (string | number)[], cause: unknown): KerjaError {
  const where = pathText(what, path)
  return new KerjaError('PAYLOAD_LOSSY', `${where} could not be read: a getter or a proxy threw. Send plain data.`, {
    cause,
    details: { path: where },
  })
}

export function tooDeepError(what: string, path: readonly (string | number)[], depthMax: number): KerjaError {
  const where = pathText(what, path)
  return new KerjaError(
    'PAYLOAD_TOO_DEEP',
    `${where} lies deeper than the limit of ${depthMax} levels. Flatten the data, or store it elsewhere and send a reference.`,
    {
      details: { path: where, depthMax },
    },
  )
}

export function tooLargeError(what: string, bytes: string, bytesMax: number): KerjaError {
  return new KerjaError(
    'PAYLOAD_TOO_LARGE',
    `The ${what} takes ${bytes} bytes, over the limit of ${bytesMax}. Store the data elsewhere and pass a reference to it.`,
    {
      details: { bytes, bytesMax },
    },
  )
}
