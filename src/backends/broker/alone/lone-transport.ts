/**
 * What a transport must do beyond carrying when there is no state: wait with a message, count its deliveries, say what is still held, and give back.
 * The lease of a job is its delivery: it ends when the broker gives the message to somebody else.
 */
import type { PriorityRank } from '../../../core/state.js'
import type { KerjaError } from '../../../errors.js'
import type { IncomingMessage, OutgoingMessage, Transport } from '../transport.js'

export interface LoneTransport extends Omit<Transport, 'send' | 'receive' | 'depth'> {
  /** As of a transport. With `delayMs` the message is out of sight for a while: at most that long where the broker can wait so long, else as long as it can. */
  send(messages: readonly DelayedMessage[]): Promise<readonly (KerjaError | null)[]>
  /** As of a transport, of one priority. No more is held ahead than was asked for, and no longer than 250 ms. */
  receive(queue: string, max: number, rank: PriorityRank): Promise<readonly LoneMessage[]>
  /** As of a transport, of one priority. */
  depth(queue: string, rank: PriorityRank): Promise<number>
  /** Whether it is the receiver's still: false once acknowledged, set aside or given back, and when the broker has taken it away. */
  isHeld(message: IncomingMessage): boolean
  /** Comes again at once, as one more delivery. Never rejects. */
  giveBack(messages: readonly IncomingMessage[]): Promise<void>
}

export interface DelayedMessage extends OutgoingMessage {
  /** At least 0. */
  readonly delayMs: number
}

export interface LoneMessage extends IncomingMessage {
  /** How often it was delivered before and not acknowledged: by receivers that died, lost their connection or held it for too long. May be too high. */
  readonly lostCount: number
}

/** What is known of a transport before it is made. Plain data. */
export interface LoneFacts {
  readonly name: string
  /** Secrets masked. */
  readonly location: string
  /** How long a message may be held, in ms; null for as long as its receiver lives. */
  readonly leaseMsMax: number | null
  /** The broker notices at once when a process dies. */
  readonly deathCheck: boolean
}
