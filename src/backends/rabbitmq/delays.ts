/**
 * How a message waits: in a queue from which the broker sends it on after a fixed time. There are a few such rungs for all of Kerja's queues, each with
 * an exchange of its own, through which a message keeps its routing key: the queue to which it goes when the rung lets it go. A longer wait is several
 * rungs in a row: whoever receives what is not due yet sends it on.
 */
import type { Connection } from './connection.js'
import { faultOf, unavailable } from './faults.js'
import type { TransportConfig } from './options.js'
import { VERSION } from './topology.js'
import { within } from './within.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

export interface Rung {
  readonly name: string
  readonly ms: number
}

export const RUNGS: readonly Rung[] = Object.entries({
  '1s': SECOND,
  '5s': 5 * SECOND,
  '15s': 15 * SECOND,
  '1m': MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': HOUR,
  '6h': 6 * HOUR,
  '24h': 24 * HOUR,
}).map(([name, ms]) => ({ name, ms }))

/** A wait that is so little shorter than a rung is taken for the rung: else the way from one to the next would cost one more each time. */
const TOLERANCE_MS = 500

/** The largest that fits; null for no wait. The shortest is the least that can be waited. */
export function rungFor(delayMs: number): Rung | null {
  if (delayMs <= 0) return null
  return RUNGS.findLast(({ ms }) => ms <= delayMs + TOLERANCE_MS) ?? (RUNGS[0] as Rung)
}

/** The name of the rung's exchange, and of its queue. No priority is called like a rung, which tells it from other queues. */
export const rungName = (prefix: string, { name }: Rung): string => `kerja.${VERSION}.${prefix}.later.${name}`

export interface Rungs {
  /** Makes the exchange and the queue, or sees that they are there: once per connection. @throws {BACKEND_UNAVAILABLE} */
  ensure(connection: Connection, rung: Rung): Promise<void>
  /** One was found to be gone. */
  forget(connection: Connection): void
}

export function createRungs(config: TransportConfig): Rungs {
  const { prefix, location, callTimeoutMs } = config
  const known = new WeakMap<Connection, Map<string, Promise<void>>>()

  async function make(connection: Connection, rung: Rung): Promise<void> {
    const name = rungName(prefix, rung)
    // A refusal ends the channel on which it was asked, so nothing else may be on it.
    const channel = await connection.channel()
    await channel.assertExchange(name, 'fanout', { durable: true, autoDelete: false, internal: false })
    await channel.assertQueue(name, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-overflow': 'reject-publish',
        'x-message-ttl': rung.ms,
        // To the default exchange, which takes the routing key for the name of a queue; stored there before it leaves here.
        'x-dead-letter-exchange': '',
        'x-dead-letter-strategy': 'at-least-once',
      },
    })
    await channel.bindQueue(name, name, '')
    await channel.close()
  }

  return {
    async ensure(connection, rung) {
      const rungs = known.get(connection) ?? new Map<string, Promise<void>>()
      known.set(connection, rungs)
      const before = rungs.get(rung.name)
      if (before !== undefined) return before
      const making = within(make(connection, rung), callTimeoutMs, () => unavailable(location, `did not answer within ${callTimeoutMs} ms.`))
      rungs.set(rung.name, making)
      try {
        await making
      } catch (error) {
        rungs.delete(rung.name)
        throw faultOf(error, location)
      }
    },
    forget: (connection) => void known.delete(connection),
  }
}
