/** The actions of the hostile SQS, by the API reference. */
import type { Chance, Faults } from './hostile-sqs-faults.js'
import { type Entry, HostileQueue, md5, SqsFault, sizeOf } from './hostile-sqs-queue.js'

export interface Input extends Entry {
  readonly QueueName?: string
  readonly QueueUrl?: string
  readonly QueueNamePrefix?: string
  readonly Attributes?: Readonly<Record<string, string>>
  readonly Entries?: readonly Entry[]
  readonly MaxNumberOfMessages?: number
  readonly WaitTimeSeconds?: number
}

export interface ActionContext {
  readonly queues: Map<string, HostileQueue>
  readonly deletedAt: Map<string, number>
  readonly faults: Faults
  readonly chance: Chance
  now(): number
  urlOf(name: string): string
  arnOf(name: string): string
}

export type Action = (input: Input, context: ActionContext) => unknown

const NAME = /^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$/
const DELETED_RECENTLY_MS = 60_000
const BATCH_ENTRIES_MAX = 10
const BATCH_BYTES_MAX = 1_048_576

function queueOf({ QueueUrl = '' }: Input, { queues }: ActionContext): HostileQueue {
  const queue = queues.get(QueueUrl.split('/').at(-1) as string)
  if (queue === undefined) throw new SqsFault('QueueDoesNotExist', 'The specified queue does not exist.')
  return queue
}

/** Each entry for itself: some fail by chance, some of those were done all the same. */
function batch(input: Input, { chance }: ActionContext, action: (entry: Entry) => object): unknown {
  const { Entries = [] } = input
  if (Entries.length === 0) throw new SqsFault('EmptyBatchRequest', 'There are no entries.')
  if (Entries.length > BATCH_ENTRIES_MAX)
    throw new SqsFault('TooManyEntriesInBatchRequest', `Maximum number of entries per request are ${BATCH_ENTRIES_MAX}.`)
  if (new Set(Entries.map(({ Id }) => Id)).size < Entries.length) throw new SqsFault('BatchEntryIdsNotDistinct', 'Two entries have the same Id.')
  const Successful: object[] = []
  const Failed: object[] = []
  for (const entry of Entries) {
    const { Id } = entry
    if (chance.happens('entryError')) {
      Failed.push({ Id, SenderFault: false, Code: 'InternalError', Message: 'Try again.' })
      continue
    }
    try {
      const answer = action(entry)
      if (chance.happens('entryLostAnswer')) Failed.push({ Id, SenderFault: false, Code: 'ServiceUnavailable', Message: 'Try again.' })
      else Successful.push({ Id, ...answer })
    } catch (error) {
      const { code, message } = error as SqsFault
      Failed.push({ Id, SenderFault: true, Code: code, Message: message })
    }
  }
  return { Successful, Failed }
}

export const ACTIONS: Readonly<Record<string, Action>> = {
  CreateQueue({ QueueName: name = '', Attributes = {} }, { queues, deletedAt, now, faults, chance, urlOf }) {
    if (!NAME.test(name))
      throw new SqsFault('InvalidParameterValue', `Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length: ${name}`)
    if (now() - (deletedAt.get(name) ?? Number.NEGATIVE_INFINITY) < DELETED_RECENTLY_MS)
      throw new SqsFault('QueueDeletedRecently', 'You must wait 60 seconds after deleting a queue before you can create another with the same name.')
    const known = queues.get(name)
    if (known === undefined) queues.set(name, new HostileQueue({ name, attributes: Attributes, now, faults, chance }))
    else if (Object.entries(Attributes).some(([attribute, value]) => known.parts.attributes[attribute] !== value))
      throw new SqsFault('QueueNameExists', 'A queue already exists with the same name and a different value for an attribute.')
    return { QueueUrl: urlOf(name) }
  },
  GetQueueUrl({ QueueName: name = '' }, { queues, urlOf }) {
    if (!queues.has(name)) throw new SqsFault('QueueDoesNotExist', 'The specified queue does not exist.')
    return { QueueUrl: urlOf(name) }
  },
  ListQueues({ QueueNamePrefix: prefix = '' }, { queues, urlOf }) {
    return { QueueUrls: [...queues.keys()].filter((name) => name.startsWith(prefix)).map(urlOf) }
  },
  GetQueueAttributes(input, context) {
    const queue = queueOf(input, context)
    const count = { ApproximateNumberOfMessages: String(queue.visibleCount()), QueueArn: context.arnOf(queue.name) }
    return { Attributes: { ...queue.parts.attributes, ...count } }
  },
  SendMessage(input, context) {
    return { MessageId: queueOf(input, context).store(input), MD5OfMessageBody: md5(input.MessageBody ?? '') }
  },
  SendMessageBatch(input, context) {
    const queue = queueOf(input, context)
    const bytes = (input.Entries ?? []).reduce((sum, entry) => sum + sizeOf(entry), 0)
    if (bytes > BATCH_BYTES_MAX) throw new SqsFault('BatchRequestTooLong', `Batch requests cannot be longer than ${BATCH_BYTES_MAX} bytes.`)
    return batch(input, context, (entry) => ({ MessageId: queue.store(entry), MD5OfMessageBody: md5(entry.MessageBody ?? '') }))
  },
  ReceiveMessage(input, context) {
    const queue = queueOf(input, context)
    const { MaxNumberOfMessages: count = 1, WaitTimeSeconds: waitSeconds = 0, VisibilityTimeout: seconds = 30 } = input
    if (count < 1 || count > BATCH_ENTRIES_MAX || waitSeconds > 20)
      throw new SqsFault('InvalidParameterValue', 'MaxNumberOfMessages or WaitTimeSeconds.')
    const messages = queue.receive(count, seconds * 1_000, waitSeconds > 0)
    return { Messages: messages.map(({ id, receipt, body }) => ({ MessageId: id, ReceiptHandle: receipt, Body: body, MD5OfBody: md5(body) })) }
  },
  DeleteMessageBatch(input, context) {
    const queue = queueOf(input, context)
    return batch(input, context, ({ ReceiptHandle = '' }) => {
      queue.delete(ReceiptHandle)
      return {}
    })
  },
  ChangeMessageVisibilityBatch(input, context) {
    const queue = queueOf(input, context)
    return batch(input, context, ({ ReceiptHandle = '', VisibilityTimeout: seconds = 0 }) => {
      queue.changeVisibility(ReceiptHandle, seconds * 1_000)
      return {}
    })
  },
}
