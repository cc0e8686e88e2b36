/**
 * One channel with one subscription to one of the broker's queues, and what arrived over it.
 *
 * When it ends (the connection is lost, the queue is deleted, the broker ends the channel) all that came over it is void and comes again over
 * another. A process that dies loses nothing: what it had is not acknowledged.
 */
import { type Acknowledgements, createAcknowledgements } from './acknowledgements.js'
import type { Connection } from './connection.js'
import type { Channel, ConsumeMessage } from './driver.js'
import { atMost } from './within.js'

export interface Subscription {
  /** Messages here that nobody has taken. */
  readonly bufferedCount: number
  /** Messages that were taken and are not acknowledged. */
  readonly takenCount: number
  readonly isOver: boolean
  /** When this resolves, all that the broker had for us when it was called is here. How many messages wait for any receiver. */
  settle(): Promise<number>
  /** The oldest, at most `max`. */
  take(max: number): Delivery[]
  acknowledge(tags: readonly number[]): void
  /** Whether it was neither acknowledged nor given back, and its channel lives. */
  isHeld(tag: number): boolean
  /** It comes again, as one more delivery. */
  giveBack(tag: number): void
  /** No further messages. Those that nobody has taken; the channel ends when all that came over it is dealt with. */
  retire(): Promise<Delivery[]>
  /** Sends what is acknowledged, gives back the rest. Ends although the broker is gone. */
  close(): Promise<void>
}

/** What a message is known by when it comes back from whoever took it. */
export interface Delivery {
  readonly subscription: Subscription
  readonly message: ConsumeMessage
}

export interface SubscriptionOptions {
  readonly connection: Connection
  readonly name: string
  readonly prefetch: number
  readonly onArrival: () => void
  /** Once. `error`: why the broker ended it, if it did. */
  readonly onEnd: (error: Error | null) => void
}

const CLOSE_MS_MAX = 2_000

export async function openSubscription({ connection, name, prefetch, onArrival, onEnd }: SubscriptionOptions): Promise<Subscription> {
  const channel = await connection.channel()
  const acknowledgements: Acknowledgements = createAcknowledgements()
  let buffer: ConsumeMessage[] = []
  let deliveredCount = 0
  let isOver = false
  let isRetired = false
  let consumerTag = ''
  let ended: Error | null = null

  function end(): void {
    if (isOver) return
    isOver = true
    buffer = []
    onEnd(ended)
  }

  function receive(message: ConsumeMessage | null): void {
    if (message === null) {
      // The queue was deleted, or its node went away.
      ended = new Error('the queue is gone')
      void close()
    } else if (!isOver) {
      buffer.push(message)
      deliveredCount += 1
      onArrival()
    }
  }

  function close(): Promise<void> {
    end()
    return atMost(closeChannel(channel), CLOSE_MS_MAX)
  }

  const takenCount = (): number => (isOver ? 0 : deliveredCount - acknowledgements.count - buffer.length)
  const closeUnused = (): void => {
    if (isRetired && !isOver && takenCount() + buffer.length === 0) void close()
  }

  channel.on('error', (error) => {
    ended = error
  })
  channel.on('close', end)
  const subscription: Subscription = {
    get bufferedCount() {
      return buffer.length
    },
    get takenCount() {
      return takenCount()
    },
    get isOver() {
      return isOver
    },
    async settle() {
      // Answered by the queue's leader, after all deliveries that it had sent to our channel's process.
      const { messageCount } = await channel.checkQueue(name)
      // Answered by that process after it has passed on those deliveries, which may have reached it during the first question.
      await channel.checkQueue(name)
      return messageCount
    },
    take: (max) => buffer.splice(0, max).map((message) => ({ subscription, message })),
    acknowledge(tags) {
      if (isOver) return
      for (const { tag, multiple } of acknowledgements.of(tags)) channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, multiple)
      closeUnused()
    },
    isHeld: (tag) => !isOver && !acknowledgements.has(tag),
    giveBack(tag) {
      if (isOver || !acknowledgements.leaveOut(tag)) return
      channel.nack({ fields: { deliveryTag: tag } } as ConsumeMessage, false, true)
      closeUnused()
    },
    async retire() {
      await channel.cancel(consumerTag)
      isRetired = true
      const left = subscription.take(Number.POSITIVE_INFINITY)
      closeUnused()
      return left
    },
    close,
  }
  try {
    await channel.prefetch(prefetch)
    consumerTag = (await channel.consume(name, receive)).consumerTag
    return subscription
  } catch (error) {
    void close()
    throw error
  }
}

/** Throws at once when it is closed already; as a promise it is one more way to end. */
const closeChannel = async (channel: Channel): Promise<void> => channel.close()
