/**
 * The queues that Kerja uses on a broker, with every argument that matters: what a server does when one is left out has changed between versions.
 * They cannot be changed later, so a change here is a new version in the names.
 */
import { checkName } from '../../core/names.js'
import { PRIORITIES, type PriorityRank, priorityOf } from '../../core/state.js'
import { rejectUnknown } from '../../core/suggest.js'
import { checkPrefix } from './options.js'

export interface QueueDeclaration {
  readonly name: string
  readonly durable: true
  readonly arguments: Readonly<Record<string, string | number>>
}

export const VERSION = 'v1'
/**
 * How often a message may come back before it is dead: high, since what Kerja hands back (a process that ended or was busy elsewhere) says
 * nothing against the message. Left out it would be 20 from RabbitMQ 4.0 on; no limit at all cannot be said to 3.10.
 */
const DELIVERY_LIMIT = 1_000_000

const quorum = Object.freeze({
  'x-queue-type': 'quorum',
  // Never drop what is oldest to make room.
  'x-overflow': 'reject-publish',
} as const)

/** Where messages of the queue and priority wait. The last part is a priority, which tells it from the dead queue. */
export function declarationOf(prefix: string, queue: string, rank: PriorityRank): QueueDeclaration {
  return {
    name: `kerja.${VERSION}.${prefix}.${queue}.${priorityOf(rank)}`,
    durable: true,
    arguments: {
      ...quorum,
      'x-delivery-limit': DELIVERY_LIMIT,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': deadDeclarationOf(prefix).name,
      'x-dead-letter-strategy': 'at-least-once',
    },
  }
}

/** Where a person finds what could not be read. */
export function deadDeclarationOf(prefix: string): QueueDeclaration {
  return { name: `kerja.${VERSION}.${prefix}.dead`, durable: true, arguments: { ...quorum } }
}

export interface TopologyOptions {
  /** As in `rabbitmq()`. @default 'main' */
  readonly prefix?: string
  /** Names of Kerja's queues. */
  readonly queues: readonly string[]
}

/**
 * What to declare in advance where Kerja's user has no right to configure: one queue for each priority, and one for the dead. A user needs
 * `write` on the default exchange (`amq.default`) and `read` on these.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 */
export function rabbitmqTopology(options: TopologyOptions): readonly QueueDeclaration[] {
  rejectUnknown(options, ['prefix', 'queues'], 'rabbitmqTopology()')
  const prefix = checkPrefix(options.prefix)
  const ranks = PRIORITIES.keys() as IterableIterator<PriorityRank>
  const all = [...ranks]
  return [deadDeclarationOf(prefix), ...options.queues.flatMap((queue) => all.map((rank) => declarationOf(prefix, checkName(queue, 'queues'), rank)))]
}
