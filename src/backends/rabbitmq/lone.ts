/** RabbitMQ as a transport without a state: messages are fetched one by one, wait in rungs, and are held as long as their channel lives. */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import type { KerjaError } from '../../errors.js'
import type { DelayedMessage, LoneMessage, LoneTransport } from '../broker/alone/lone-transport.js'
import type { IncomingMessage } from '../broker/transport.js'
import { createDeclarer } from './declarer.js'
import { createRungs, rungFor, rungName } from './delays.js'
import { closedError } from './faults.js'
import { createLink } from './link.js'
import type { TransportConfig } from './options.js'
import type { Fetched } from './pull.js'
import { createPulls } from './pulls.js'
import { createSender } from './sender.js'
import { BODY_BYTES_MAX, CLOSE_MS_MAX, createCalls, deadParcelOf, REDELIVERY_MS, sendFitting } from './transport.js'
import { atMost } from './within.js'

/** How often a queue that is watched is looked at. */
const LOOK_MS = 250
const RANKS = [...PRIORITIES.keys()] as readonly PriorityRank[]

export function createLoneTransport(config: TransportConfig, random: () => number): LoneTransport {
  const { location, prefix } = config
  const declarer = createDeclarer(config)
  const rungs = createRungs(config)
  const calls = createCalls(() => closedError(location))
  const sending = createLink({ config, purpose: 'sending', random, onBack: () => undefined })
  const receiving = createLink({ config, purpose: 'receiving', random, onBack: () => undefined })
  const sender = createSender({ config, link: sending, declarer })
  const pulls = createPulls({ config, link: receiving, declarer })
  // An outage is said to whoever receives.
  const looks = createLooks((queue) => calls.run(() => sumOf(queue)).catch(() => 0))
  let closing: Promise<void> | null = null

  const giveBack = (fetched: readonly Fetched[]): void => {
    for (const { pull, message } of fetched) pull.giveBack(message)
  }

  async function receive(queue: string, max: number, rank: PriorityRank): Promise<LoneMessage[]> {
    const fetched = await pulls.ask(queue, rank, (pull) => pull.fetch(max), giveBack)
    return fetched.map((handle) => ({ queue, body: handle.message.content.toString('utf8'), handle, lostCount: lostCountOf(handle) }))
  }

  /** Each by the rung that fits, which is made before. */
  async function send(messages: readonly DelayedMessage[]): Promise<(KerjaError | null)[]> {
    const needed = new Set(messages.map(({ delayMs }) => rungFor(delayMs)).filter((rung) => rung !== null))
    const connection = await sending.use()
    await Promise.all([...needed].map((rung) => rungs.ensure(connection, rung)))
    const answers = await sendFitting(messages, prefix, sender, ({ delayMs }) => {
      const rung = rungFor(delayMs)
      return rung === null ? '' : rungName(prefix, rung)
    })
    // Somebody may have deleted a rung: whoever sends next makes it again.
    if (needed.size > 0 && answers.some((answer) => answer !== null)) rungs.forget(connection)
    return answers
  }

  async function setAside({ handle }: IncomingMessage, reason: string): Promise<void> {
    const { pull, message } = handle as Fetched
    const [error] = await sender.send([deadParcelOf(message, reason, prefix)])
    if (error === null) pull.acknowledge(message)
  }

  const depth = (queue: string, rank: PriorityRank): Promise<number> => pulls.ask(queue, rank, (pull) => pull.count())
  const sumOf = async (queue: string): Promise<number> => {
    const counts = await Promise.all(RANKS.map((rank) => depth(queue, rank)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async function close(): Promise<void> {
    looks.close()
    await atMost(calls.end(), CLOSE_MS_MAX)
    await pulls.close()
    await Promise.all([sending.close(), receiving.close()])
  }

  return {
    name: 'rabbitmq',
    location,
    bodyBytesMax: BODY_BYTES_MAX,
    redeliveryMs: REDELIVERY_MS,
    open: () => calls.run(async () => void (await sending.open())),
    close() {
      closing ??= close()
      return closing
    },
    send: (messages) => calls.run(() => send(messages)).catch((error: KerjaError) => messages.map(() => error)),
    receive: (queue, max, rank) => calls.run(() => receive(queue, max, rank)),
    async acknowledge(messages) {
      for (const { handle } of messages) (handle as Fetched).pull.acknowledge((handle as Fetched).message)
    },
    setAside: (message, reason) => calls.run(() => setAside(message, reason)).catch(() => undefined),
    isHeld: ({ handle }) => (handle as Fetched).pull.isHeld((handle as Fetched).message),
    async giveBack(messages) {
      giveBack(messages.map(({ handle }) => handle as Fetched))
    },
    watch: (queues, onArrival) => (closing === null ? looks.watch(queues, onArrival) : () => undefined),
    depth: (queue, rank) => calls.run(() => depth(queue, rank)),
  }
}

/** Calls whoever watches a queue while something waits there, which only looking can tell. */
function createLooks(countOf: (queue: string) => Promise<number>) {
  const timers = new Set<NodeJS.Timeout>()
  return {
    watch(queues: readonly string[], onArrival: () => void): () => void {
      let isLooking = false
      const look = async (): Promise<void> => {
        if (isLooking) return
        isLooking = true
        const counts = await Promise.all(queues.map(countOf))
        isLooking = false
        if (timers.has(timer) && counts.some((count) => count > 0)) onArrival()
      }
      const timer = setInterval(() => void look(), LOOK_MS).unref()
      timers.add(timer)
      return () => {
        timers.delete(timer)
        clearInterval(timer)
      }
    },
    close(): void {
      for (const timer of timers) clearInterval(timer)
      timers.clear()
    },
  }
}

/** Quorum queues count. https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling */
function lostCountOf({ message }: Fetched): number {
  const count: unknown = message.properties.headers?.['x-delivery-count']
  return typeof count === 'number' ? count : 0
}
