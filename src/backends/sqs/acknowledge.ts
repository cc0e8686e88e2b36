/**
 * Letting SQS forget, in tens that wait a moment to become full, with the newest receipt. What cannot be deleted comes again when its visibility ends,
 * which merges. SQS may also answer that it deleted what it did not (a receipt that is no longer the newest), so a delete is never taken for proof.
 */
import type { IncomingMessage } from '../broker/transport.js'
import { type Calls, pause } from './calls.js'
import type { Directory, RankPlace } from './directory.js'
import { faultOf, faultOfEntry } from './faults.js'
import type { Held, HeldMessages } from './held.js'
import { LIMITS, OURS } from './limits.js'
import { groupIdOf } from './names.js'
import type { SqsConfig } from './options.js'
import { replaceForSqs } from './text.js'

export interface AcknowledgeParts {
  readonly config: SqsConfig
  readonly calls: Calls
  readonly directory: Directory
  readonly held: HeldMessages
}

/** A batch that is open for others to join. */
interface Gathered {
  readonly place: RankPlace
  readonly batch: Held[]
  readonly timer: NodeJS.Timeout
  readonly over: Promise<void>
  readonly end: (deleted: Promise<void>) => void
}

export function createAcknowledge({ config, calls, directory, held }: AcknowledgeParts) {
  const gathering = new Map<string, Gathered>()

  async function deleteBatch({ place, batch }: Gathered): Promise<void> {
    let left: readonly Held[] = batch
    for (let tryCount = 0; left.length > 0 && tryCount < OURS.deleteTriesMax; tryCount++) {
      if (tryCount > 0) await pause(tryCount, Number.POSITIVE_INFINITY)
      const tried = left
      const Entries = tried.map(({ receipt }, position) => ({ Id: String(position), ReceiptHandle: receipt }))
      const input = { QueueUrl: place.url, Entries }
      const { Failed = [] } = await calls.run(`DeleteMessageBatch from ${place.name}`, (sqs, options) => sqs.deleteMessageBatch(input, options))
      left = Failed.filter((entry) => faultOfEntry(entry) === 'passes').map(({ Id }) => tried[Number(Id)] as Held)
    }
  }

  function flush(gathered: Gathered): void {
    gathering.delete(gathered.place.name)
    clearTimeout(gathered.timer)
    const deleted = deleteBatch(gathered).catch((error: unknown) => {
      config.logger?.warn(`${gathered.batch.length} messages of ${gathered.place.name} could not be deleted and will come again, which merges.`, {
        error,
      })
    })
    gathered.end(deleted)
  }

  /** Resolves when the batch that it has joined is over. */
  function join(message: Held): Promise<void> {
    let gathered = gathering.get(message.place.name)
    if (gathered === undefined) {
      gathered = gather(message.place, flush)
      gathering.set(message.place.name, gathered)
    }
    gathered.batch.push(message)
    if (gathered.batch.length === LIMITS.batchEntriesMax) flush(gathered)
    return gathered.over
  }

  /** Never rejects. */
  async function acknowledge(messages: readonly IncomingMessage[]): Promise<void> {
    const all = messages.map(({ handle }) => handle as Held)
    // First, so that no visibility is extended of what is deleted meanwhile.
    held.remove(all)
    await Promise.all(new Set(all.map(join)))
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
      await calls
        .run(`SendMessage to ${dead.name}`, (sqs, options) => sqs.sendMessage(input, options))
        .catch((error: unknown) => {
          if (faultOf(error) === 'no-queue') directory.forget(dead)
          throw error
        })
    } catch (error) {
      config.logger?.warn(`A message of ${place.name} that cannot be read could not be set aside; it will come again.`, { error, reason })
      return
    }
    await acknowledge([message])
  }

  return { acknowledge, setAside }
}

function gather(place: RankPlace, flush: (gathered: Gathered) => void): Gathered {
  let end: Gathered['end'] = () => undefined
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  const gathered: Gathered = { place, batch: [], over, end, timer: setTimeout(() => flush(gathered), OURS.deleteWaitMs) }
  return gathered
}

/** The attribute of a message in a dead queue that says why it is there. */
const REASON = 'kerja-reason'
/** Of its type. */
const ATTRIBUTE_BYTES = 'String'.length
