/** Makes queues, or sees that they are there: once per connection, and again when one turned out to be gone. */
import { KerjaError, quote } from '../../errors.js'
import type { Connection } from './connection.js'
import type { Channel } from './driver.js'
import { ACCESS_REFUSED, faultOf, NOT_FOUND, PRECONDITION_FAILED, replyCodeOf, unavailable, wordsOf } from './faults.js'
import type { TransportConfig } from './options.js'
import type { QueueDeclaration } from './topology.js'
import { within } from './within.js'

export interface Declarer {
  /** Whether it is there, as far as this connection knows. */
  isReady(connection: Connection, name: string): boolean
  /** @throws {STORE_MISMATCH} {STORE_DENIED} {BACKEND_UNAVAILABLE} */
  ensure(connection: Connection, declaration: QueueDeclaration): Promise<void>
  /** It was found to be gone. */
  forget(connection: Connection, name: string): void
}

/**
 * RabbitMQ tells the second of two that make a queue at once that it is there while it still starts for the first. Whoever uses it then is refused,
 * or ends the connection with an internal error (seen with 3.10). So a queue that looks as if it were new is left alone for so long.
 */
const NEW_MS = 100

export function createDeclarer(config: TransportConfig): Declarer {
  /** For each queue, when it was first found to be there, in monotonic ms. */
  const foundAt = new Map<string, number>()
  const known = new WeakMap<Connection, Map<string, Promise<void> | true>>()
  const queuesOf = (connection: Connection): Map<string, Promise<void> | true> => {
    const queues = known.get(connection) ?? new Map<string, Promise<void> | true>()
    known.set(connection, queues)
    return queues
  }
  const settled = (name: string): Promise<void> => {
    const since = foundAt.get(name) ?? performance.now()
    foundAt.set(name, since)
    return new Promise((resolve) => setTimeout(resolve, Math.max(0, since + NEW_MS - performance.now())))
  }
  return {
    isReady: (connection, name) => queuesOf(connection).get(name) === true,
    async ensure(connection, declaration) {
      const queues = queuesOf(connection)
      const { name } = declaration
      if (!queues.has(name)) {
        const declaring = declare(connection, declaration, config).then((looksNew) => (looksNew ? settled(name) : undefined))
        queues.set(name, declaring)
        declaring.then(
          () => queues.set(name, true),
          () => queues.delete(name),
        )
      }
      await queues.get(name)
    },
    forget(connection, name) {
      queuesOf(connection).delete(name)
      foundAt.delete(name)
    },
  }
}

/** Whether it looks new: nothing in it, and nobody at it. */
async function declare(
  connection: Connection,
  { name, durable, arguments: queueArguments }: QueueDeclaration,
  config: TransportConfig,
): Promise<boolean> {
  const { location } = config
  try {
    const found = await onChannel(connection, config, (channel) => channel.assertQueue(name, { durable, arguments: queueArguments }))
    return found.messageCount === 0 && found.consumerCount === 0
  } catch (error) {
    const replyCode = replyCodeOf(error)
    if (replyCode === PRECONDITION_FAILED) throw mismatch(name, error, location)
    if (replyCode !== ACCESS_REFUSED) throw faultOf(error, location)
    // Without the right to make it, it must have been made: what arguments it has is then the operator's affair.
    if ((await readyCountOf(connection, name, config)) === null) throw denied(name, error, location)
    return false
  }
}

/** Messages that wait in the queue for a receiver; null when there is no such queue. @throws {BACKEND_UNAVAILABLE} */
export async function readyCountOf(connection: Connection, name: string, config: TransportConfig): Promise<number | null> {
  try {
    return (await onChannel(connection, config, (channel) => channel.checkQueue(name))).messageCount
  } catch (error) {
    if (replyCodeOf(error) === NOT_FOUND) return null
    throw faultOf(error, config.location)
  }
}

/** A refusal ends the channel on which it was asked, so nothing else may be on it. */
async function onChannel<Value>(connection: Connection, config: TransportConfig, act: (channel: Channel) => Promise<Value>): Promise<Value> {
  const { callTimeoutMs, location } = config
  const work = async (): Promise<Value> => {
    const channel = await connection.channel()
    const value = await act(channel)
    await channel.close()
    return value
  }
  return within(work(), callTimeoutMs, () => unavailable(location, `did not answer within ${callTimeoutMs} ms.`))
}

const mismatch = (name: string, cause: unknown, location: string): KerjaError =>
  new KerjaError(
    'STORE_MISMATCH',
    `${location} has a queue ${quote(name)} that was made with other arguments than Kerja needs. Empty and delete it, and Kerja makes it anew; or take from Kerja’s user the right to configure, and it is used as it is. (${wordsOf(cause)})`,
    { cause, details: { location, queue: name } },
  )

const denied = (name: string, cause: unknown, location: string): KerjaError =>
  new KerjaError(
    'STORE_DENIED',
    `${location} has no queue ${quote(name)}, and this user has no right to make it. Grant \`configure\` on kerja.*, or declare what rabbitmqTopology(…) lists. (${wordsOf(cause)})`,
    { cause, details: { location, queue: name } },
  )
