/**
 * Letting SQS forget, in tens, with the newest receipt. What cannot be deleted comes again when its visibility ends, which merges. SQS may also answer
 * that it deleted what it did not (a receipt that is no longer the newest), so a delete is never taken for proof.
 */
import type { IncomingMessage } from '../broker/transport.js'
import { type Calls, inParallel, pause } from './calls.js'
import type { Directory } from './directory.js'
import { faultOfEntry } from './faults.js'
import { type Batch, batchesOf, type Held, type HeldMessages } from './held.js'
import { OURS } from './limits.js'
import { groupIdOf } from './names.js'
import type { SqsConfig } from './options.js'
import { replaceForSqs } from './text.js'

export interface AcknowledgeParts {
  readonly config: SqsConfig
  readonly calls: Calls
  readonly directory: Directory
  readonly held: HeldMessages
}

export function createAcknowledge({ config, calls, directory, held }: AcknowledgeParts) {
  async function deleteBatch({ place, batch }: Batch): Promise<void> {
    let left = batch
    for (let tryCount = 0; left.length > 0 && tryCount < OURS.deleteTriesMax; tryCount++) {
      if (tryCount > 0) await pause(tryCount, Number.POSITIVE_INFINITY)
      const tried = left
      const Entries = tried.map(({ receipt }, position) => ({ Id: String(position), ReceiptHandle: receipt }))
      const input = { QueueUrl: place.url, Entries }
      const { Failed = [] } = await calls.run(`DeleteMessageBatch from ${place.name}`, (sqs, options) => sqs.deleteMessageBatch(input, options))
      left = Failed.filter((entry) => faultOfEntry(entry) === 'passes').map(({ Id }) => tried[Number(Id)] as Held)
    }
  }

  /** Never rejects. */
  async function acknowledge(messages: readonly IncomingMessage[]): Promise<void> {
    const all = messages.map(({ handle }) => handle as Held)
    // First, so that no visibility is extended of what is deleted meanwhile.
    held.remove(all)
    await inParallel(batchesOf(all), OURS.requestsMax, (batch) =>
      deleteBatch(batch).catch((error: unknown) => {
        config.logger?.warn(`${batch.batch.length} messages of ${batch.place.name} could not be deleted and will come again, which merges.`, {
          error,
        })
      }),
    )
  }

  /** Never rejects. */
  async function setAside(message: IncomingMessage, reason: string): Promise<void> {
    const { messageId, place, body } = message.handle as Held
    try {
      const dead = await directory.deadPlaceFor(message.queue)
      const text = replaceForSqs(reason).slice(0, OURS.reasonCharactersMax)
      const attribute = { [REASON]: { DataType: 'String', StringValue: text === '' ? 'none given' : text } }
      // The attribute counts: a message as large as can be goes without.
      const fits =
        Buffer.byteLength(body) + Buffer.byteLength(REASON) + Buffer.byteLength(text) + ATTRIBUTE_BYTES <= (await directory.bodyBytesMaxOf(dead))
      const input = {
        QueueUrl: dead.url,
        MessageBody: body,
        ...(fits && { MessageAttributes: attribute }),
        ...(config.fifo && { MessageGroupId: groupIdOf(place.name), MessageDeduplicationId: messageId }),
      }
      await calls.run(`SendMessage to ${dead.name}`, (sqs, options) => sqs.sendMessage(input, options))
    } catch (error) {
      config.logger?.warn(`A message of ${place.name} that cannot be read could not be set aside; it will come again.`, { error, reason })
      return
    }
    await acknowledge([message])
  }

  return { acknowledge, setAside }
}

/** The attribute of a message in a dead queue that says why it is there. */
const REASON = 'kerja-reason'
/** Of its type. */
const ATTRIBUTE_BYTES = 'String'.length
