/**
 * One of the broker's queues, of which each message is fetched when somebody asks for it: nothing is handed out ahead, so a delivery that was lost is
 * one that somebody had asked for. On a channel of its own; when that ends, all that is held over it is void and comes again.
 */
import type { Connection } from './connection.js'
import type { Channel, GetMessage } from './driver.js'
import { atMost } from './within.js'

export interface Fetched {
  readonly pull: Pull
  readonly message: GetMessage
}

export interface Pull {
  readonly connection: Connection
  readonly isOver: boolean
  /** The oldest, at most `max`. */
  fetch(max: number): Promise<Fetched[]>
  /** How many wait there. */
  count(): Promise<number>
  isHeld(message: GetMessage): boolean
  acknowledge(message: GetMessage): void
  giveBack(message: GetMessage): void
  /** Sends what is acknowledged. Ends although the broker is gone. */
  close(): Promise<void>
}

const CLOSE_MS_MAX = 2_000

/** `onEnd` is called once, unless it was closed by `close`: why, if it is known, and how many messages come again. */
export async function openPull(connection: Connection, name: string, onEnd: (error: Error | null, lostCount: number) => void): Promise<Pull> {
  const channel = await connection.channel()
  const held = new Set<number>()
  let isOver = false
  let isClosing = false
  let ended: Error | null = null

  channel.on('error', (error) => {
    ended = error
  })
  channel.on('close', () => {
    isOver = true
    const lostCount = held.size
    held.clear()
    if (!isClosing) onEnd(ended, lostCount)
  })

  const pull: Pull = {
    connection,
    get isOver() {
      return isOver
    },
    async fetch(max) {
      const fetched: Fetched[] = []
      while (fetched.length < max) {
        const message = await channel.get(name, { noAck: false })
        if (message === false) break
        held.add(message.fields.deliveryTag)
        fetched.push({ pull, message })
      }
      return fetched
    },
    count: async () => (await channel.checkQueue(name)).messageCount,
    isHeld: ({ fields }) => !isOver && held.has(fields.deliveryTag),
    acknowledge(message) {
      if (!isOver && held.delete(message.fields.deliveryTag)) channel.ack(message)
    },
    giveBack(message) {
      if (!isOver && held.delete(message.fields.deliveryTag)) channel.nack(message, false, true)
    },
    async close() {
      isClosing = true
      await atMost(closeChannel(channel), CLOSE_MS_MAX)
    },
  }
  return pull
}

/** Throws at once when it is closed already; as a promise it is one more way to end. */
const closeChannel = async (channel: Channel): Promise<void> => channel.close()
