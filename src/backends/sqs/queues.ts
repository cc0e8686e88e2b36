/** The requests that are about queues, not messages. */
import type { QueueAttributeName } from '@aws-sdk/client-sqs'
import type { Calls } from './calls.js'
import { faultOf } from './faults.js'
import { LIMITS, OURS } from './limits.js'
import type { SqsConfig } from './options.js'

/** A queue of SQS. */
export interface Place {
  readonly name: string
  readonly url: string
}

export type Attributes = Readonly<Partial<Record<QueueAttributeName, string>>>

export interface Queues {
  /** Its URL; null when there is none. */
  find(name: string): Promise<string | null>
  /** Its URL; null when somebody has made it meanwhile with other attributes. */
  create(name: string, further: Attributes): Promise<string | null>
  attributesOf(place: Place, names: readonly QueueAttributeName[]): Promise<Attributes>
  /** All whose name begins like ours. */
  list(): Promise<Place[]>
}

export function createQueues(config: SqsConfig, calls: Calls): Queues {
  return {
    async find(name) {
      try {
        const { QueueUrl } = await calls.run(`GetQueueUrl of ${name}`, (sqs, options) => sqs.getQueueUrl({ QueueName: name }, options))
        return QueueUrl as string
      } catch (error) {
        if (faultOf(error) === 'no-queue') return null
        throw error
      }
    },
    async create(name, further) {
      const input = { QueueName: name, Attributes: { ...everyAttribute(config), ...further } as Record<string, string> }
      try {
        return (await calls.run(`CreateQueue of ${name}`, (sqs, options) => sqs.createQueue(input, options))).QueueUrl as string
      } catch (error) {
        if (faultOf(error) === 'taken') return null
        throw error
      }
    },
    async attributesOf({ name, url }, names) {
      const input = { QueueUrl: url, AttributeNames: [...names] }
      return (await calls.run(`GetQueueAttributes of ${name}`, (sqs, options) => sqs.getQueueAttributes(input, options))).Attributes ?? {}
    },
    async list() {
      const places: Place[] = []
      let token: string | undefined
      for (let page = 0; page < OURS.listPagesMax; page++) {
        const input = { QueueNamePrefix: `${config.prefix}-`, MaxResults: LIMITS.listedMax, ...(token !== undefined && { NextToken: token }) }
        const listed = await calls.run(`ListQueues of ${config.prefix}-`, (sqs, options) => sqs.listQueues(input, options))
        for (const url of listed.QueueUrls ?? []) places.push({ name: url.slice(url.lastIndexOf('/') + 1), url })
        token = listed.NextToken
        if (token === undefined) break
      }
      return places
    },
  }
}

/**
 * Every attribute that matters, whatever the defaults of SQS are or become; but for MaximumMessageSize, whose default is the most that this SQS takes. API
 * reference, CreateQueue.
 */
const everyAttribute = ({ fifo, visibilityMs }: SqsConfig): Attributes => ({
  DelaySeconds: '0',
  MessageRetentionPeriod: String(LIMITS.retentionSeconds),
  ReceiveMessageWaitTimeSeconds: '0',
  VisibilityTimeout: String(Math.ceil(visibilityMs / 1_000)),
  // By group, which is what makes a FIFO queue quick: SQS Developer Guide, «High throughput for FIFO queues».
  ...(fifo && {
    FifoQueue: 'true',
    ContentBasedDeduplication: 'false',
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  }),
})
