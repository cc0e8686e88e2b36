/**
 * Names: `<prefix>-<queue>-<priority>`, `<prefix>-<queue>-dead`, and `.fifo` behind them where order is asked for. Characters that SQS does not take
 * are written as `_` and two hex digits, and `_` as `__`. A prefix has no `-`, so that no two prefixes can mean the same name.
 */
import { createHash } from 'node:crypto'
import { PRIORITIES, type PriorityRank, priorityOf } from '../../core/state.js'
import { KerjaError, quote } from '../../errors.js'
import { LIMITS } from './limits.js'

export interface Naming {
  readonly prefix: string
  readonly fifo: boolean
}

/** What a queue of SQS stands for: jobs of one queue and priority. */
export interface Rank {
  readonly queue: string
  readonly rank: PriorityRank
}

const DEAD = 'dead'
const FIFO_SUFFIX = '.fifo'
// `MessageGroupId`: letters, digits and punctuation; no space, nothing beyond ASCII.
const GROUP = /^[!-~]+$/

const encode = (queue: string): string =>
  queue.replace(/[^A-Za-z0-9-]/g, (character) => (character === '_' ? '__' : `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`))

const decode = (text: string): string =>
  text.replace(/_(_|[0-9a-f]{2})/g, (_, code: string) => (code === '_' ? '_' : String.fromCharCode(Number.parseInt(code, 16))))

/** @throws {OPTION_INVALID} longer than SQS takes */
function nameOf({ prefix, fifo }: Naming, queue: string, last: string): string {
  const name = `${prefix}-${encode(queue)}-${last}${fifo ? FIFO_SUFFIX : ''}`
  if (name.length <= LIMITS.nameCharactersMax) return name
  throw new KerjaError(
    'OPTION_INVALID',
    `The queue ${quote(queue)} would be ${quote(name)} on SQS, ${name.length} characters of at most ${LIMITS.nameCharactersMax}. Use a shorter queue name or prefix.`,
    { details: { queue, name, charactersMax: LIMITS.nameCharactersMax } },
  )
}

export const rankName = (naming: Naming, { queue, rank }: Rank): string => nameOf(naming, queue, priorityOf(rank))
/** Where messages go that nobody can read. */
export const deadName = (naming: Naming, queue: string): string => nameOf(naming, queue, DEAD)

/** Null for a name that is not one of `rankName`. */
export function parseRankName(naming: Naming, name: string): Rank | null {
  const suffix = naming.fifo ? FIFO_SUFFIX : ''
  const start = `${naming.prefix}-`
  if (!name.startsWith(start) || !name.endsWith(suffix)) return null
  const middle = name.slice(start.length, name.length - suffix.length)
  const dash = middle.lastIndexOf('-')
  const rank = (PRIORITIES as readonly string[]).indexOf(middle.slice(dash + 1))
  if (dash < 1 || rank === -1) return null
  const found = { queue: decode(middle.slice(0, dash)), rank: rank as PriorityRank }
  return rankName(naming, found) === name ? found : null
}

/** A group as SQS takes it: as it is where its characters and its length allow it, else its hash. */
export const groupIdOf = (group: string): string =>
  group.length <= LIMITS.groupCharactersMax && GROUP.test(group) ? group : `sha256-${createHash('sha256').update(group).digest('base64url')}`
