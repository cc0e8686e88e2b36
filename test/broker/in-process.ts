/**
 * A broker for tests, in this process: several transports over one broker, as several processes would have them. It keeps messages until they are
 * acknowledged, gives those of a closed transport out again, and does as it is told: to be away, to fail one call, to hold one.
 */

import type { IncomingMessage, OutgoingMessage, Transport } from '../../dist/backends/broker/transport.js'
import { KerjaError } from '../../dist/errors.js'

interface Stored {
  readonly number: number
  readonly priority: number
  readonly body: string
}

type Call = 'send' | 'receive' | 'acknowledge' | 'setAside'

export interface InProcessBroker {
  /** A connection of its own. */
  connect(options?: { readonly bodyBytesMax?: number; readonly redeliveryMs?: number }): Transport
  /** Nothing answers while it is. */
  away: boolean
  /** What is done before each call: it may throw, or wait. A thrown error is an outage of the one call; of `acknowledge` it loses the words. */
  before: ((call: Call, messages: readonly { readonly body: string }[]) => void | Promise<void>) | null
  /** Puts a message there as it is. */
  put(queue: string, body: string): void
  waiting(queue: string): number
  /** Received, and neither acknowledged nor set aside. */
  outstanding(): number
  readonly aside: { readonly queue: string; readonly body: string; readonly reason: string }[]
  /** Calls so far. */
  readonly counts: Record<Call | 'depth', number>
}

export function createInProcessBroker(): InProcessBroker {
  const queues = new Map<string, Stored[]>()
  const watchers = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
  const held = new Set<Stored>()
  let lastNumber = 0
  const unavailable = (): KerjaError => new KerjaError('BACKEND_UNAVAILABLE', 'The broker of this test is away. Bring it back.')

  function place(queue: string, message: Stored): void {
    const messages = queues.get(queue) ?? []
    queues.set(
      queue,
      [...messages, message].sort((a, b) => a.priority - b.priority || a.number - b.number),
    )
  }

  function arrive(queue: string, message: Omit<Stored, 'number'>): void {
    lastNumber += 1
    place(queue, { ...message, number: lastNumber })
    announce(queue)
  }

  function announce(queue: string): void {
    for (const watcher of watchers) if (watcher.queues.includes(queue)) queueMicrotask(() => watchers.has(watcher) && watcher.onArrival())
  }

  async function enter(call: Call | 'depth', messages: readonly { readonly body: string }[] = []): Promise<void> {
    broker.counts[call] += 1
    if (broker.away) throw unavailable()
    if (call !== 'depth') await broker.before?.(call, messages)
    if (broker.away) throw unavailable()
  }

  const broker: InProcessBroker = {
    away: false,
    before: null,
    aside: [],
    counts: { send: 0, receive: 0, acknowledge: 0, setAside: 0, depth: 0 },
    put: (queue, body) => arrive(queue, { priority: 2, body }),
    waiting: (queue) => queues.get(queue)?.length ?? 0,
    outstanding: () => held.size,
    connect({ bodyBytesMax = 1_000_000, redeliveryMs = 0 } = {}) {
      const mine = new Map<Stored, string>()
      const own = new Set<{ readonly queues: readonly string[]; readonly onArrival: () => void }>()
      let isClosed = false
      const check = (): void => {
        if (isClosed) throw new KerjaError('BACKEND_CLOSED', 'The transport of this test was closed.')
      }
      const forget = (messages: readonly IncomingMessage[]): void => {
        for (const { handle } of messages) {
          mine.delete(handle as Stored)
          held.delete(handle as Stored)
        }
      }
      return {
        name: 'in-process',
        location: 'in-process:',
        bodyBytesMax,
        redeliveryMs,
        async open() {
          check()
          if (broker.away) throw unavailable()
        },
        async close() {
          isClosed = true
          for (const watcher of own) watchers.delete(watcher)
          for (const [message, queue] of mine) {
            held.delete(message)
            place(queue, message)
            announce(queue)
          }
          mine.clear()
        },
        async send(messages: readonly OutgoingMessage[]) {
          try {
            check()
            await enter('send', messages)
            for (const { queue, priority, body } of messages) arrive(queue, { priority, body })
            return messages.map(() => null)
          } catch (error) {
            return messages.map(() => error as KerjaError)
          }
        },
        async receive(queue, max) {
          check()
          await enter('receive')
          const messages = queues.get(queue) ?? []
          const taken = messages.splice(0, max)
          for (const message of taken) {
            mine.set(message, queue)
            held.add(message)
          }
          return taken.map((message) => ({ queue, body: message.body, handle: message }))
        },
        async acknowledge(messages) {
          try {
            await enter('acknowledge', messages)
          } catch {
            return
          }
          forget(messages)
        },
        async setAside(message, reason) {
          try {
            await enter('setAside', [message])
          } catch {
            return
          }
          broker.aside.push({ queue: message.queue, body: message.body, reason })
          forget([message])
        },
        watch(names, onArrival) {
          const watcher = { queues: [...names], onArrival }
          watchers.add(watcher)
          own.add(watcher)
          return () => {
            own.delete(watcher)
            watchers.delete(watcher)
          }
        },
        async depth(queue) {
          check()
          await enter('depth')
          return queues.get(queue)?.length ?? 0
        },
      }
    },
  }
  return broker
}
