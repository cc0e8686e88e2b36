/**
 * A broker for tests of what works without a state, in this process: several transports over one broker, as several processes would have them.
 * Delays pass by the clock that it is given. A transport that closes, or is killed, loses its deliveries, and they are counted.
 */
import type { StoreClock } from 'kerja/backend'
import type { DelayedMessage, LoneFacts, LoneMessage, LoneTransport } from '../../dist/backends/broker/alone/lone-transport.js'
import { KerjaError } from '../../dist/errors.js'

interface Stored {
  readonly number: number
  readonly queue: string
  readonly rank: number
  readonly body: string
  readonly visibleAt: number
  lostCount: number
}

export interface LoneBroker {
  /** A connection of its own. `kill` ends it as a death of its process would. */
  connect(): LoneTransport & { kill(): void }
  /** Takes no messages while it is. */
  blocked: boolean
  put(queue: string, body: string): void
  /** Of a queue, those included that wait for their time. */
  count(queue: string): number
  readonly aside: { readonly queue: string; readonly body: string; readonly reason: string }[]
  /** Messages sent so far. */
  sentCount: number
}

export const LONE_FACTS: LoneFacts = { name: 'in-process', location: 'in-process:', leaseMsMax: null, deathCheck: true }

export function createLoneBroker(clock: StoreClock): LoneBroker {
  let messages: Stored[] = []
  const watchers = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
  let lastNumber = 0

  function place(message: Stored): void {
    messages = [...messages, message].sort((one, other) => one.rank - other.rank || one.number - other.number)
    for (const watcher of watchers) if (watcher.queues.includes(message.queue)) queueMicrotask(() => watchers.has(watcher) && watcher.onArrival())
  }

  function arrive(message: Pick<Stored, 'queue' | 'rank' | 'body' | 'visibleAt'>): void {
    lastNumber += 1
    place({ ...message, number: lastNumber, lostCount: 0 })
  }

  const broker: LoneBroker = {
    blocked: false,
    aside: [],
    sentCount: 0,
    put: (queue, body) => arrive({ queue, rank: 2, body, visibleAt: 0 }),
    count: (queue) => messages.filter((message) => message.queue === queue).length,
    connect() {
      const mine = new Set<Stored>()
      const own = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
      let isClosed = false
      const check = (): void => {
        if (isClosed) throw new KerjaError('BACKEND_CLOSED', 'The transport of this test was closed.')
      }
      const lose = (message: Stored): void => {
        if (!mine.delete(message)) return
        message.lostCount += 1
        place(message)
      }
      const kill = (): void => {
        isClosed = true
        for (const watcher of own) watchers.delete(watcher)
        for (const message of mine) lose(message)
      }
      return {
        name: LONE_FACTS.name,
        location: LONE_FACTS.location,
        bodyBytesMax: 1_000_000,
        redeliveryMs: 0,
        async open() {
          check()
        },
        kill,
        async close() {
          kill()
        },
        async send(sent: readonly DelayedMessage[]) {
          if (isClosed || broker.blocked) return sent.map(() => new KerjaError('BACKEND_UNAVAILABLE', 'The broker of this test takes no messages.'))
          broker.sentCount += sent.length
          for (const { queue, priority: rank, body, delayMs } of sent) arrive({ queue, rank, body, visibleAt: clock.now() + delayMs })
          return sent.map(() => null)
        },
        async receive(queue, max, rank) {
          check()
          const now = clock.now()
          const isMeant = (message: Stored): boolean =>
            message.queue === queue && (rank === undefined || message.rank === rank) && message.visibleAt <= now
          const taken = messages.filter(isMeant).slice(0, max)
          messages = messages.filter((message) => !taken.includes(message))
          for (const message of taken) mine.add(message)
          return taken.map((message): LoneMessage => ({ queue, body: message.body, handle: message, lostCount: message.lostCount }))
        },
        isHeld: ({ handle }) => mine.has(handle as Stored),
        async giveBack(received) {
          for (const { handle } of received) lose(handle as Stored)
        },
        async acknowledge(received) {
          for (const { handle } of received) mine.delete(handle as Stored)
        },
        async setAside({ queue, body, handle }, reason) {
          if (broker.blocked) return
          broker.aside.push({ queue, body, reason })
          mine.delete(handle as Stored)
        },
        watch(queues, onArrival) {
          const watcher = { queues: [...queues], onArrival }
          watchers.add(watcher)
          own.add(watcher)
          return () => {
            own.delete(watcher)
            watchers.delete(watcher)
          }
        },
        async depth(queue, rank) {
          check()
          return messages.filter((message) => message.queue === queue && (rank === undefined || message.rank === rank)).length
        },
      }
    },
  }
  return broker
}

/** The suite moves its clock, not the broker's: each wait is of the shortest rung, and what is not due then waits on. */
export function impatient(transport: LoneTransport): LoneTransport {
  return { ...transport, send: (messages) => transport.send(messages.map((message) => ({ ...message, delayMs: Math.min(message.delayMs, 1) }))) }
}
