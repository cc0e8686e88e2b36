/** RabbitMQ as a transport without a state: messages wait in rungs, and are held as long as their channel lives. */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import type { KerjaError } from '../../errors.js'
import type { DelayedMessage, LoneMessage, LoneTransport } from '../broker/alone/lone-transport.js'
import { acknowledge } from './consumer.js'
import { createDeclarer, readyCountOf } from './declarer.js'
import { createRungs, rungFor, rungName } from './delays.js'
import { closedError } from './faults.js'
import { createHints } from './hints.js'
import { createLink } from './link.js'
import { createLoneIntake, type LoneIntake } from './lone-intake.js'
import type { TransportConfig } from './options.js'
import type { Parcel } from './outlet.js'
import { createSender } from './sender.js'
import type { Delivery } from './subscription.js'
import { declarationOf, type QueueDeclaration } from './topology.js'
import { BODY_BYTES_MAX, CLOSE_MS_MAX, createCalls, REDELIVERY_MS, sendFitting, setAside } from './transport.js'
import { atMost } from './within.js'

const RANKS = [...PRIORITIES.keys()] as readonly PriorityRank[]

export function createLoneTransport(config: TransportConfig, random: () => number): LoneTransport {
  const { location, prefix } = config
  const declarer = createDeclarer(config)
  const rungs = createRungs(config)
  const calls = createCalls(() => closedError(location))
  const hints = createHints()
  const intakes = new Map<string, LoneIntake>()
  let closing: Promise<void> | null = null

  const sending = createLink({ config, purpose: 'sending', random, onBack: () => undefined })
  const receiving = createLink({ config, purpose: 'receiving', random, onBack: hints.hint })
  const sender = createSender({ config, link: sending, declarer })

  /** To the end of its queue, as a new message: given back, it would count as one that a process died of. */
  async function putBack(deliveries: readonly Delivery[], to: QueueDeclaration): Promise<void> {
    const answers = await sender.send(deliveries.map(({ message }) => parcelOf(message, to)))
    const stored = deliveries.filter((_, index) => answers[index] === null)
    acknowledge(stored)
    giveBack(deliveries.filter((delivery) => !stored.includes(delivery)))
  }

  function intakeOf(queue: string, rank: PriorityRank): LoneIntake {
    const key = `${rank} ${queue}`
    const intake = intakes.get(key) ?? createLoneIntake({ config, link: receiving, declarer, queue, rank, onArrival: hints.hint, putBack })
    intakes.set(key, intake)
    return intake
  }

  const giveBack = (deliveries: readonly Delivery[]): void => {
    for (const { subscription, message } of deliveries) subscription.giveBack(message.fields.deliveryTag)
  }

  async function receive(queue: string, max: number, rank: PriorityRank): Promise<LoneMessage[]> {
    const deliveries = await intakeOf(queue, rank).receive(max)
    return deliveries.map((handle) => ({ queue, body: handle.message.content.toString('utf8'), handle, lostCount: lostCountOf(handle) }))
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

  async function depth(queue: string, rank: PriorityRank): Promise<number> {
    const connection = await receiving.use()
    return (await readyCountOf(connection, declarationOf(prefix, queue, rank).name, config)) ?? 0
  }

  function watch(queues: readonly string[], onArrival: () => void): () => void {
    // What stands against it is said to whoever receives.
    for (const queue of queues) for (const rank of RANKS) void calls.run(() => intakeOf(queue, rank).start()).catch(() => undefined)
    return hints.watch(onArrival)
  }

  async function close(): Promise<void> {
    hints.stop()
    await atMost(calls.end(), CLOSE_MS_MAX)
    await atMost(Promise.all([...intakes.values()].map((intake) => intake.close())), CLOSE_MS_MAX)
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
      acknowledge(messages.map(({ handle }) => handle as Delivery))
    },
    // It comes again.
    setAside: (message, reason) => calls.run(() => setAside(sender, message, { reason, prefix })).catch(() => undefined),
    isHeld({ handle }) {
      const { subscription, message } = handle as Delivery
      return subscription.isHeld(message.fields.deliveryTag)
    },
    async giveBack(messages) {
      giveBack(messages.map(({ handle }) => handle as Delivery))
    },
    watch: (queues, onArrival) => (closing === null ? watch(queues, onArrival) : () => undefined),
    depth: (queue, rank) => calls.run(() => depth(queue, rank)),
  }
}

/** Quorum queues count. https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling */
function lostCountOf({ message }: Delivery): number {
  const count: unknown = message.properties.headers?.['x-delivery-count']
  return typeof count === 'number' ? count : 0
}

/** The same message, for the same queue. The count of deliveries is the broker's. */
function parcelOf({ content, properties }: Delivery['message'], to: QueueDeclaration): Parcel {
  const { messageId, contentType, headers } = properties
  const { 'x-delivery-count': _, ...own } = headers ?? {}
  return { to, messageId: String(messageId ?? ''), content, contentType: String(contentType ?? ''), headers: own }
}
