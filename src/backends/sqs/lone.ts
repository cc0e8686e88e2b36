/** SQS as a transport without a state: nothing is fetched that nobody asked for, and visibility is extended until the receiver says how it ended. */
import type { LoneMessage, LoneTransport } from '../broker/alone/lone-transport.js'
import type { IncomingMessage } from '../broker/transport.js'
import type { Held } from './held.js'
import type { SqsConfig } from './options.js'
import { createParts, locationOf, type Manner, REDELIVERY_MS } from './transport.js'

const ALONE: Manner = Object.freeze({ isAhead: false, holdMs: Number.POSITIVE_INFINITY, sendsAnew: true })

/** The handle of what is handed out. A message that comes again has a new receipt: whoever had the former one has lost it. */
interface Delivery {
  readonly message: Held
  readonly receipt: string
}

const heldOf = ({ handle }: IncomingMessage): Held => (handle as Delivery).message
const ofHeld = (message: IncomingMessage): IncomingMessage => ({ ...message, handle: heldOf(message) })

export function createLoneTransport(config: SqsConfig): LoneTransport {
  const { held, bodyBytesMax, ...parts } = createParts(config, ALONE)
  return {
    name: 'sqs',
    location: locationOf(config),
    get bodyBytesMax() {
      return bodyBytesMax()
    },
    redeliveryMs: REDELIVERY_MS,
    ...parts,
    async receive(queue, max, rank) {
      const taken = await parts.receive(queue, max, rank)
      return taken.map(({ body, handle: message }): LoneMessage => {
        const handle: Delivery = { message, receipt: message.receipt }
        return { queue, body, handle, lostCount: message.receiveCount - 1 }
      })
    },
    acknowledge: (messages) => parts.acknowledge(messages.map(ofHeld)),
    setAside: (message, reason) => parts.setAside(ofHeld(message), reason),
    isHeld: (message) => held.isOut(heldOf(message)) && heldOf(message).receipt === (message.handle as Delivery).receipt,
    giveBack: (messages) => held.giveBack(messages.map(heldOf)),
  }
}
