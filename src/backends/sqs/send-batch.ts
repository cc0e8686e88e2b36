/** One batch of messages to one queue of SQS: sent until each of them has its answer, or the time is over. */
import type { SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import { isKerjaError, type KerjaError } from '../../errors.js'
import type { OutgoingMessage } from '../broker/transport.js'
import { type Calls, pause } from './calls.js'
import type { Directory, RankPlace } from './directory.js'
import { coded, faultOf, faultOfEntry } from './faults.js'
import { groupIdOf, type Rank } from './names.js'
import type { SqsConfig } from './options.js'

export interface SendParts {
  readonly config: SqsConfig
  readonly calls: Calls
  readonly directory: Directory
  /** Something is stored there. */
  readonly onSent: (place: RankPlace) => void
}

/** A message on its way, and where its answer goes. */
export interface Parcel {
  readonly index: number
  readonly message: OutgoingMessage
  readonly body: string
  readonly bytes: number
}

export type Answers = (KerjaError | null)[]
type SendBatch = (rank: Rank, parcels: readonly Parcel[], answers: Answers, deadline: number) => Promise<void>

export function createSendBatch({ config, calls, directory, onSent }: SendParts): SendBatch {
  const entryOf = ({ message, body }: Parcel, position: number): SendMessageBatchRequestEntry => ({
    Id: String(position),
    MessageBody: body,
    ...(config.fifo && { MessageDeduplicationId: message.id, MessageGroupId: groupIdOf(message.group ?? message.id) }),
    // On a standard queue it makes the queue fair between groups: SQS Developer Guide, «Amazon SQS fair queues».
    ...(!config.fifo && message.group !== null && { MessageGroupId: groupIdOf(message.group) }),
  })

  /** One request; gives back those to send again, with why. Others have their answers. */
  async function sendOnce(place: RankPlace, parcels: readonly Parcel[], answers: Answers): Promise<Map<Parcel, KerjaError>> {
    const what = `SendMessageBatch to ${place.name}`
    const input = { QueueUrl: place.url, Entries: parcels.map(entryOf) }
    const { Successful = [], Failed = [] } = await calls.run(what, (sqs, options) => sqs.sendMessageBatch(input, options))
    // Silence about an entry is no promise: it goes again.
    const again = new Map(parcels.map((parcel) => [parcel, coded('passes', what, 'the answer does not speak of this message')]))
    if (Successful.length > 0) onSent(place)
    for (const { Id } of Successful) {
      const parcel = parcels[Number(Id)] as Parcel
      answers[parcel.index] = null
      again.delete(parcel)
    }
    for (const entry of Failed) {
      const parcel = parcels[Number(entry.Id)] as Parcel
      const fault = faultOfEntry(entry)
      const error = coded(fault, what, `${entry.Code ?? 'no code'}${entry.Message === undefined ? '' : ` (${entry.Message})`}`)
      if (fault === 'passes') again.set(parcel, error)
      else {
        answers[parcel.index] = error
        again.delete(parcel)
      }
    }
    return again
  }

  async function sendBatch(rank: Rank, first: readonly Parcel[], answers: Answers, deadline: number): Promise<void> {
    let parcels = first
    for (let tryCount = 0; parcels.length > 0; tryCount++) {
      let place: RankPlace | undefined
      let again: Map<Parcel, KerjaError>
      try {
        place = await directory.placeFor(rank)
        again = await sendOnce(place, parcels, answers)
      } catch (error) {
        const failure = asKerjaError(error, rank)
        const fault = faultOf(failure)
        if (fault === 'no-queue' && place !== undefined) directory.forget(place)
        // One entry can make SQS refuse the whole batch: each half is tried for itself.
        if ((fault === 'refused' || fault === 'too-long') && parcels.length > 1) {
          const middle = parcels.length >> 1
          await sendBatch(rank, parcels.slice(0, middle), answers, deadline)
          await sendBatch(rank, parcels.slice(middle), answers, deadline)
          return
        }
        // A queue that is gone is made again; after `deleted-recently` it may take a minute, which is longer than a caller waits.
        const passes = fault === 'deleted-recently' || (fault === 'no-queue' && config.create)
        if (!passes) {
          for (const { index } of parcels) answers[index] = failure
          return
        }
        again = new Map(parcels.map((parcel) => [parcel, failure]))
      }
      parcels = [...again.keys()]
      if (parcels.length > 0 && !(await pause(tryCount, deadline))) {
        for (const [{ index }, error] of again) answers[index] = error
        return
      }
    }
  }

  return sendBatch
}

export const asKerjaError = (error: unknown, { queue }: Rank): KerjaError =>
  isKerjaError(error) ? error : coded('passes', `Sending to ${queue}`, String(error), error)
