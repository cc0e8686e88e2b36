/**
 * A transport as the backend uses it: over plain data, so that it may live in a thread beside the main one. A message that is held is known by a
 * number. Whoever claims it says so by `hold`, until when, and for which worker; `end` is how it leaves.
 */
import type { HeartbeatSource } from '../../../contract/backend.js'
import type { PriorityRank } from '../../../core/state.js'
import type { KerjaError } from '../../../errors.js'
import type { DelayedMessage } from './lone-transport.js'

export interface Carrier {
  /** @throws {BACKEND_UNAVAILABLE} */
  open(): Promise<void>
  /** Never throws. */
  close(): Promise<void>
  /** One answer per message, in order: null when it is stored. */
  send(messages: readonly DelayedMessage[]): Promise<readonly (KerjaError | null)[]>
  /** The most urgent first over all queues, then those of the queues named first, then the oldest. @throws {BACKEND_UNAVAILABLE} */
  receive(request: ReceiveRequest): Promise<Received>
  /** Whether each is still held. It is then given back when its time is over. */
  hold(claims: readonly Claim[]): Promise<readonly boolean[]>
  /** Sends what follows a message, waits until that is stored, and only then lets it go. */
  end(endings: readonly Ending[]): Promise<readonly EndResult[]>
  watch(queues: readonly string[], onArrival: () => void): () => void
  /** How many messages of this priority wait there. @throws {BACKEND_UNAVAILABLE} */
  depth(queue: string, rank: PriorityRank): Promise<number>
  readonly heartbeat: HeartbeatSource
}

export interface ReceiveRequest {
  /** The most of each. */
  readonly queues: readonly (readonly [name: string, max: number])[]
  readonly limit: number
  /** Most urgent first. */
  readonly ranks: readonly PriorityRank[]
}

export interface Received {
  readonly parcels: readonly Parcel[]
  /** No more could be had for this request. */
  readonly isExhausted: boolean
}

/** A message that is held. */
export interface Parcel {
  readonly number: number
  readonly queue: string
  readonly body: string
  readonly lostCount: number
}

export interface Claim {
  readonly number: number
  readonly jobId: string
  readonly token: number
  readonly workerId: string
  /** From now; null for as long as the process lives. */
  readonly leaseMs: number | null
}

export interface Ending {
  readonly number: number
  /** Stored before it is let go. */
  readonly send: readonly DelayedMessage[]
  /** Why it goes to the dead queue; null: it is acknowledged. */
  readonly asideReason: string | null
}

/** `lost`: it was not held any more, and nothing was sent. An error: it is held still. */
export type EndResult = 'ended' | 'lost' | KerjaError
