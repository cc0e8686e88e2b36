/** RabbitMQ as a transport of jobs: a connection that sends and one that receives, so that an alarm which stops the one does not stop the other. */
import { PRIORITIES, type PriorityRank } from '../../core/state.js'
import { KerjaError } from '../../errors.js'
import type { IncomingMessage, OutgoingMessage, Transport } from '../broker/transport.js'
import { acknowledge } from './consumer.js'
import { createDeclarer, readyCountOf } from './declarer.js'
import type { Message } from './driver.js'
import { closedError } from './faults.js'
import { createIntake, type Intake } from './intake.js'
import { createLink } from './link.js'
import type { TransportConfig } from './options.js'
import type { Parcel } from './outlet.js'
import { createSender, type Sender } from './sender.js'
import type { Delivery } from './subscription.js'
import { deadDeclarationOf, declarationOf } from './topology.js'
import { atMost } from './within.js'

/** What RabbitMQ 4 takes when it is not told otherwise (`max_message_size`); 3.x takes more. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024
export const CLOSE_MS_MAX = 5_000
/** Whose acknowledgement was lost comes again as soon as its connection has ended, and is received with the next claim of its queue. */
export const REDELIVERY_MS = 86_400_000

export function createTransport(config: TransportConfig, random: () => number): Transport {
  const { location, prefix } = config
  const declarer = createDeclarer(config)
  const intakes = new Map<string, Intake>()
  const calls = createCalls(() => closedError(location))
  let closing: Promise<void> | null = null

  const hintAll = (): void => {
    for (const intake of intakes.values()) intake.hint()
  }
  const sending = createLink({ config, purpose: 'sending', random, onBack: () => undefined })
  const receiving = createLink({ config, purpose: 'receiving', random, onBack: hintAll })
  const sender = createSender({ config, link: sending, declarer })

  function intakeOf(queue: string): Intake {
    const intake = intakes.get(queue) ?? createIntake({ config, link: receiving, declarer, queue })
    intakes.set(queue, intake)
    return intake
  }

  async function depth(queue: string): Promise<number> {
    const connection = await receiving.use()
    const names = [...PRIORITIES.keys()].map((rank) => declarationOf(prefix, queue, rank as PriorityRank).name)
    const counts = await Promise.all(names.map((name) => readyCountOf(connection, name, config)))
    return counts.reduce<number>((total, count) => total + (count ?? 0), intakes.get(queue)?.bufferedCount ?? 0)
  }

  async function close(): Promise<void> {
    await atMost(calls.end(), CLOSE_MS_MAX)
    await atMost(Promise.all([...intakes.values()].map((intake) => intake.stop())), CLOSE_MS_MAX)
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
    send: (messages) => calls.run(() => sendFitting(messages, prefix, sender)).catch((error: KerjaError) => messages.map(() => error)),
    receive: (queue, max) => calls.run(() => intakeOf(queue).receive(max)),
    async acknowledge(messages) {
      acknowledge(messages.map(({ handle }) => handle as Delivery))
    },
    // It comes again.
    setAside: (message, reason) => calls.run(() => setAside(sender, message, { reason, prefix })).catch(() => undefined),
    watch(queues, onArrival) {
      if (closing !== null) return () => undefined
      const stops = queues.map((queue) => intakeOf(queue).watch(onArrival))
      return () => {
        for (const stop of stops) stop()
      }
    },
    depth: (queue) => calls.run(() => depth(queue)),
  }
}

/** The broker would end the channel for a message that is too large, and with it all others. */
export async function sendFitting<Message extends OutgoingMessage>(
  messages: readonly Message[],
  prefix: string,
  sender: Sender,
  exchangeOf: (message: Message) => string = () => '',
): Promise<(KerjaError | null)[]> {
  const parcels = messages.map((message): Parcel => {
    const { id, queue, priority, body } = message
    const to = declarationOf(prefix, queue, priority)
    return { to, exchange: exchangeOf(message), messageId: id, content: Buffer.from(body), contentType: 'application/json', headers: {} }
  })
  const fits = ({ content }: Parcel): boolean => content.length <= BODY_BYTES_MAX
  const answers = (await sender.send(parcels.filter(fits))).values()
  return parcels.map((parcel) => (fits(parcel) ? (answers.next().value as KerjaError | null) : tooLarge(parcel)))
}

const tooLarge = ({ messageId: id, content: { length } }: Parcel): KerjaError =>
  new KerjaError('VALUE_REFUSED', `Message ${id} has ${length} bytes; RabbitMQ carries ${BODY_BYTES_MAX}. Keep elsewhere what is large.`, {
    details: { id, bytes: length },
  })

/** To the dead queue; only once it is stored there does its own forget it. */
export async function setAside(sender: Sender, message: IncomingMessage, { reason, prefix }: { reason: string; prefix: string }): Promise<void> {
  const delivery = message.handle as Delivery
  const [error] = await sender.send([deadParcelOf(delivery.message, reason, prefix)])
  if (error === null) acknowledge([delivery])
}

/** As it came, with why and whence. */
function deadParcelOf({ content, properties, fields }: Pick<Message, 'content' | 'properties' | 'fields'>, reason: string, prefix: string): Parcel {
  return {
    to: deadDeclarationOf(prefix),
    messageId: String(properties.messageId ?? ''),
    content,
    contentType: String(properties.contentType ?? ''),
    headers: { ...properties.headers, 'kerja-reason': reason, 'kerja-origin': fields.routingKey },
  }
}

/** What runs, and the end of it. */
export function createCalls(toClosedError: () => KerjaError) {
  const running = new Set<Promise<unknown>>()
  let isEnded = false
  return {
    async run<Value>(act: () => Promise<Value>): Promise<Value> {
      if (isEnded) throw toClosedError()
      const calling = act()
      running.add(calling)
      try {
        return await calling
      } finally {
        running.delete(calling)
      }
    },
    /** No further ones; resolves when those that run have ended. */
    end(): Promise<unknown> {
      isEnded = true
      return Promise.allSettled([...running])
    },
  }
}
