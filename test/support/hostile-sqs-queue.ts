/** A queue of the hostile SQS: who may see which message when, by the rules of the documentation, and by their unkind readings where a fault says so. */
import { createHash, randomUUID } from 'node:crypto'
import type { Chance, Faults } from './hostile-sqs-faults.js'

export interface StoredMessage {
  readonly id: string
  readonly body: string
  readonly attributes: unknown
  readonly groupId: string | null
  visibleAt: number
  receiveCount: number
  firstReceivedAt: number | null
  /** The newest. */
  receipt: string | null
  deleted: boolean
}

/** As the protocol carries it. */
export interface Entry {
  readonly Id?: string
  readonly MessageBody?: string
  readonly MessageAttributes?: Readonly<Record<string, { readonly DataType?: string; readonly StringValue?: string }>>
  readonly MessageGroupId?: string
  readonly MessageDeduplicationId?: string
  readonly ReceiptHandle?: string
  readonly VisibilityTimeout?: number
}

export class SqsFault extends Error {
  readonly code: string
  readonly status: number
  constructor(code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

const VISIBILITY_MAX_MS = 43_200_000
const DEDUPLICATION_MS = 300_000
const REFUSED_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u
const GROUP = /^[!-~]{1,128}$/

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

export function sizeOf({ MessageBody = '', MessageAttributes = {} }: Entry): number {
  const attributeBytes = Object.entries(MessageAttributes).map(([name, { DataType = '', StringValue = '' }]) =>
    Buffer.byteLength(name + DataType + StringValue),
  )
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(MessageBody))
}

export interface QueueParts {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly now: () => number
  readonly chance: Chance
  readonly faults: Faults
}

export class HostileQueue {
  readonly messages = new Map<string, StoredMessage>()
  readonly #seen = new Map<string, { readonly id: string; readonly at: number }>()
  readonly parts: QueueParts

  constructor(parts: QueueParts) {
    this.parts = parts
  }

  get name(): string {
    return this.parts.name
  }
  get fifo(): boolean {
    return this.parts.attributes.FifoQueue === 'true'
  }
  get bodyBytesMax(): number {
    return Number(this.parts.attributes.MaximumMessageSize ?? 1_048_576)
  }

  /** The id of the message. Throws what SQS would say of the entry. */
  store(entry: Entry): string {
    const { MessageBody = '', MessageGroupId: groupId, MessageDeduplicationId: deduplicationId } = entry
    if (MessageBody === '') throw new SqsFault('MissingParameter', 'The request must contain the parameter MessageBody.')
    if (REFUSED_CHARACTER.test(MessageBody)) throw new SqsFault('InvalidMessageContents', 'Invalid characters found.')
    if (sizeOf(entry) > this.bodyBytesMax)
      throw new SqsFault(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${this.bodyBytesMax} bytes.`,
      )
    if (groupId !== undefined && !GROUP.test(groupId))
      throw new SqsFault('InvalidParameterValue', `Value ${groupId} for parameter MessageGroupId is invalid.`)
    if (this.fifo && (groupId === undefined || deduplicationId === undefined))
      throw new SqsFault('MissingParameter', 'The request must contain the parameters MessageGroupId and MessageDeduplicationId.')
    const now = this.parts.now()
    const seen = deduplicationId === undefined ? undefined : this.#seen.get(deduplicationId)
    if (this.fifo && seen !== undefined && now - seen.at < DEDUPLICATION_MS) return seen.id
    const id = randomUUID()
    if (deduplicationId !== undefined) this.#seen.set(deduplicationId, { id, at: now })
    this.messages.set(id, {
      id,
      body: MessageBody,
      attributes: entry.MessageAttributes,
      groupId: groupId ?? null,
      visibleAt: now,
      receiveCount: 0,
      firstReceivedAt: null,
      receipt: null,
      deleted: false,
    })
    return id
  }

  /** Those that may be seen now. `long`: a long poll, which is never falsely empty. */
  receive(count: number, visibilityMs: number, long: boolean): StoredMessage[] {
    const { now, chance, faults } = this.parts
    if (this.inFlightCount() >= faults.inFlightMax) {
      if (long) return []
      throw new SqsFault('OverLimit', `Too many messages in flight: ${faults.inFlightMax}.`, 403)
    }
    if (!long && chance.happens('emptyPoll')) return []
    const at = now()
    const blocked = new Set([...this.messages.values()].filter((message) => this.fifo && message.visibleAt > at).map(({ groupId }) => groupId))
    let visible = [...this.messages.values()].filter((message) => message.visibleAt <= at && !(this.fifo && blocked.has(message.groupId)))
    if (!this.fifo && chance.happens('reorder')) visible = chance.shuffled(visible)
    return visible.slice(0, count).map((message) => {
      message.receiveCount++
      message.firstReceivedAt ??= at
      message.receipt = `${message.id}#${message.receiveCount}`
      // A duplicate: it stays where others see it. A late visibility: it comes back before its time.
      const hiddenMs = chance.happens('duplicate') ? 0 : chance.happens('lateVisibility') ? visibilityMs / 10 : visibilityMs
      message.visibleAt = this.fifo ? at + visibilityMs : at + hiddenMs
      return message
    })
  }

  /** A receipt that is not the newest may delete nothing, and says that it did. */
  delete(receipt: string): void {
    const message = this.#ofReceipt(receipt)
    if (message === undefined) return
    if (message.receipt !== receipt && !this.parts.chance.happens('staleDeleteWorks')) return
    message.deleted = true
    this.messages.delete(message.id)
  }

  changeVisibility(receipt: string, visibilityMs: number): void {
    const message = this.#ofReceipt(receipt)
    const at = this.parts.now()
    if (message === undefined || message.visibleAt <= at) throw new SqsFault('MessageNotInflight', 'The specified message is not in flight.')
    if (message.receipt !== receipt) throw new SqsFault('ReceiptHandleIsInvalid', 'The receipt handle has expired.')
    if (at + visibilityMs - (message.firstReceivedAt ?? at) > VISIBILITY_MAX_MS)
      throw new SqsFault('InvalidParameterValue', 'Total VisibilityTimeout for the message is beyond the limit [43200 seconds].')
    message.visibleAt = at + visibilityMs
  }

  visibleCount(): number {
    const at = this.parts.now()
    return [...this.messages.values()].filter(({ visibleAt }) => visibleAt <= at).length
  }

  inFlightCount(): number {
    return this.messages.size - this.visibleCount()
  }

  #ofReceipt(receipt: string): StoredMessage | undefined {
    if (!receipt.includes('#')) throw new SqsFault('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.')
    return this.messages.get(receipt.slice(0, receipt.indexOf('#')))
  }
}
