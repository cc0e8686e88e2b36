/**
 * One of the broker's queues as it is received: subscribed to when somebody asks, and again after the subscription has ended.
 *
 * States: stopped → starting → running → stopped; resting for a while after a refusal.
 */
import type { PriorityRank } from '../../core/state.js'
import type { KerjaError } from '../../errors.js'
import type { IncomingMessage } from '../broker/transport.js'
import type { Connection } from './connection.js'
import type { Declarer } from './declarer.js'
import { faultOf, unavailable } from './faults.js'
import type { Link } from './link.js'
import type { TransportConfig } from './options.js'
import { type Delivery, openSubscription, type Subscription } from './subscription.js'
import { declarationOf } from './topology.js'
import { within } from './within.js'

export interface Consumer {
  /** Messages here that nobody has taken. */
  readonly bufferedCount: number
  /** Messages that were taken and are not acknowledged. */
  readonly takenCount: number
  readonly isRunning: boolean
  /** Whether the broker may hand out more. */
  readonly hasRoom: boolean
  /** Subscribes unless it has. @throws {BACKEND_UNAVAILABLE} {STORE_MISMATCH} {STORE_DENIED} */
  start(): Promise<void>
  /** As of a subscription. @throws {BACKEND_UNAVAILABLE} */
  settle(): Promise<number>
  take(max: number): IncomingMessage[]
  /** Gives back what was not taken. */
  stop(): Promise<void>
}

export interface ConsumerOptions {
  readonly config: TransportConfig
  readonly link: Link
  readonly declarer: Declarer
  readonly queue: string
  readonly rank: PriorityRank
  /** Something arrived, or what was here went back to the broker. */
  readonly onChange: () => void
}

/** After the broker refused it. */
const REST_MS = 1_000

export function createConsumer({ config, link, declarer, queue, rank, onChange }: ConsumerOptions): Consumer {
  const { location, callTimeoutMs, prefetch, prefix, logger } = config
  const declaration = declarationOf(prefix, queue, rank)
  const { name } = declaration
  let current: Subscription | null = null
  let starting: Promise<void> | null = null
  let stopping: Promise<void> | undefined
  let lastError: KerjaError | null = null
  let restUntil = 0

  const isRunning = (): boolean => current !== null && !current.isOver
  const inTime = <Value>(promise: Promise<Value>, late?: (value: Value) => void): Promise<Value> =>
    within(promise, callTimeoutMs, () => unavailable(location, `did not answer within ${callTimeoutMs} ms.`), late)

  async function subscribe(connection: Connection): Promise<Subscription> {
    await declarer.ensure(connection, declaration)
    return openSubscription({
      connection,
      name,
      prefetch,
      onArrival: onChange,
      onEnd(error) {
        declarer.forget(connection, name)
        if (current === null || !current.isOver) return
        current = null
        if (error !== null) logger.warn('RabbitMQ ended a subscription; its messages come again', { location, queue: name, reason: error.message })
        onChange()
      },
    })
  }

  async function begin(): Promise<void> {
    let connection: Connection | null = null
    try {
      await stopping
      connection = await link.use()
      current = await inTime(subscribe(connection), (late) => void late.close())
    } catch (error) {
      lastError = faultOf(error, location)
      // A lost connection has pauses of its own.
      if (connection?.lost === false) restUntil = performance.now() + REST_MS
      throw lastError
    } finally {
      starting = null
    }
  }

  return {
    get bufferedCount() {
      return current?.bufferedCount ?? 0
    },
    get takenCount() {
      return current?.takenCount ?? 0
    },
    get isRunning() {
      return isRunning()
    },
    get hasRoom() {
      return current !== null && current.takenCount + current.bufferedCount < prefetch
    },
    start() {
      if (isRunning()) return Promise.resolve()
      if (starting === null && performance.now() < restUntil) return Promise.reject(lastError)
      starting ??= begin()
      return starting
    },
    async settle() {
      try {
        if (current === null) throw new Error(`the subscription to ${name} has ended`)
        return await inTime(current.settle())
      } catch (error) {
        throw faultOf(error, location)
      }
    },
    take: (max) =>
      (current?.take(max) ?? []).map((delivery) => ({ queue, body: delivery.message.content.toString('utf8'), handle: delivery satisfies Delivery })),
    async stop() {
      await starting?.catch(() => undefined)
      const ended = current
      current = null
      if (ended !== null) stopping = ended.close()
      await stopping
    },
  }
}

/** The broker forgets them; those of a subscription that has ended come again. */
export function acknowledge(deliveries: readonly Delivery[]): void {
  const tags = new Map<Subscription, number[]>()
  for (const { subscription, message } of deliveries) {
    const those = tags.get(subscription)
    if (those === undefined) tags.set(subscription, [message.fields.deliveryTag])
    else those.push(message.fields.deliveryTag)
  }
  for (const [subscription, those] of tags) subscription.acknowledge(those)
}
