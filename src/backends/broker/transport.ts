/**
 * What a message broker must do to carry jobs: keep a message until it is acknowledged, and say whether it was stored. Everything else that a
 * backend promises is done above it, by the state. docs/guides/adding-a-broker.md says how to write one.
 */
import type { PriorityRank } from '../../core/state.js'
import type { KerjaError } from '../../errors.js'

export interface Transport {
  /** `rabbitmq`, `sqs`: for messages and logs. */
  readonly name: string
  /** Where it points, secrets masked. */
  readonly location: string
  /** The largest body that it carries, in bytes of UTF-8. */
  readonly bodyBytesMax: number
  /** How long after its receipt a message may come again, in ms: for so long at least the state remembers its job. */
  readonly redeliveryMs: number
  /** Connects. Idempotent; concurrent calls share one opening, and a call after a failed one tries again. @throws {BACKEND_UNAVAILABLE} */
  open(): Promise<void>
  /** Lets running calls end and frees everything; what was received and not acknowledged comes again. Idempotent, never throws, ends although the broker is gone. */
  close(): Promise<void>
  /**
   * Stores messages; they are on disk when this resolves. One answer per message, in order: null when it is stored, else why it is not known to be.
   * Never rejects. The queue is made when there is none yet.
   */
  send(messages: readonly OutgoingMessage[]): Promise<readonly (KerjaError | null)[]>
  /**
   * Up to `max` messages that wait in the queue, most urgent first, then oldest. Does not wait for any to arrive: an empty answer means that none
   * could be had now. They stay the receiver's until they are acknowledged or set aside, or until it closes or dies: then they come again. What it
   * holds ahead, and nobody has received for 250 ms, others must be able to have.
   * @throws {BACKEND_UNAVAILABLE}
   */
  receive(queue: string, max: number): Promise<readonly IncomingMessage[]>
  /** They were stored elsewhere: the broker forgets them. Where that fails they come again, which merges: never rejects. */
  acknowledge(messages: readonly IncomingMessage[]): Promise<void>
  /** Puts a message that cannot be read where a person finds it: stored there before it leaves its queue. Never rejects; at worst it comes again. */
  setAside(message: IncomingMessage, reason: string): Promise<void>
  /** Calls back when messages may wait in one of the queues. A hint: it may be lost, or wrong. Returns the way to stop. */
  watch(queues: readonly string[], onArrival: () => void): () => void
  /** How many messages wait in the queue, roughly. @throws {BACKEND_UNAVAILABLE} */
  depth(queue: string): Promise<number>
}

export interface OutgoingMessage {
  /** Of the job: the broker may use it to recognise what it has already. */
  readonly id: string
  readonly queue: string
  readonly priority: PriorityRank
  /** Whose share of the queue it takes, where the broker is fair between groups; null for nobody's. */
  readonly group: string | null
  /** JSON text. */
  readonly body: string
}

export interface IncomingMessage {
  readonly queue: string
  /** As it came; it need not be a job's. */
  readonly body: string
  /** The transport's own. */
  readonly handle: unknown
}
