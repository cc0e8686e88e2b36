/**
 * Sending: batches of ten within the size that the queue takes, several in flight, each entry answered for itself. An entry whose failure passes is
 * sent again until `callTimeout` is over; what is not known to be stored then may be stored all the same, and merges by the job's id.
 */
import { KerjaError } from '../../errors.js'
import type { OutgoingMessage } from '../broker/transport.js'
import { inParallel, pause } from './calls.js'
import { faultOf } from './faults.js'
import { LIMITS, OURS } from './limits.js'
import type { Rank } from './names.js'
import { type Answers, asKerjaError, createSendBatch, type Parcel, type SendParts } from './send-batch.js'
import { escapeForSqs } from './text.js'

type Send = (messages: readonly OutgoingMessage[]) => Promise<Answers>

export function createSend(parts: SendParts): Send {
  const { config, directory } = parts
  const sendBatch = createSendBatch(parts)

  async function sendTo(rank: Rank, parcels: readonly Parcel[], answers: Answers): Promise<void> {
    const deadline = performance.now() + config.callTimeoutMs
    let bytesMax: number | undefined
    for (let tryCount = 0; bytesMax === undefined; tryCount++) {
      try {
        bytesMax = await directory.bodyBytesMaxOf(await directory.placeFor(rank))
      } catch (error) {
        // A queue may not be seen yet in the second after it was created: API reference, CreateQueue.
        if (faultOf(error) === 'no-queue' && config.create && (await pause(tryCount, deadline))) continue
        const failure = asKerjaError(error, rank)
        for (const { index } of parcels) answers[index] = failure
        return
      }
    }
    const batches = batchesOf(parcels, bytesMax, answers)
    // Two batches in flight may arrive in either order.
    await inParallel(batches, config.fifo ? 1 : OURS.requestsMax, (batch) => sendBatch(rank, batch, answers, deadline))
  }

  return async (messages) => {
    const answers: Answers = messages.map(() => null)
    const parcels = new Map<string, { readonly rank: Rank; readonly parcels: Parcel[] }>()
    for (const [index, message] of messages.entries()) {
      const key = `${message.priority} ${message.queue}`
      let target = parcels.get(key)
      if (target === undefined) {
        target = { rank: { queue: message.queue, rank: message.priority }, parcels: [] }
        parcels.set(key, target)
      }
      const body = escapeForSqs(message.body)
      target.parcels.push({ index, message, body, bytes: Buffer.byteLength(body) })
    }
    await Promise.all([...parcels.values()].map((target) => sendTo(target.rank, target.parcels, answers)))
    return answers
  }
}

/** Of one place. Answers those that are too large. */
function batchesOf(parcels: readonly Parcel[], bytesMax: number, answers: Answers): Parcel[][] {
  const batchBytesMax = Math.max(LIMITS.batchBytesMin, bytesMax)
  const batches: Parcel[][] = []
  let roomBytes = 0
  for (const parcel of parcels) {
    if (parcel.bytes > bytesMax) {
      answers[parcel.index] = tooLarge(parcel, bytesMax)
      continue
    }
    const last = batches.at(-1)
    if (last === undefined || last.length === LIMITS.batchEntriesMax || parcel.bytes > roomBytes) {
      batches.push([parcel])
      roomBytes = batchBytesMax - parcel.bytes
    } else {
      last.push(parcel)
      roomBytes -= parcel.bytes
    }
  }
  return batches
}

function tooLarge({ message, bytes }: Parcel, bytesMax: number): KerjaError {
  return new KerjaError(
    'PAYLOAD_TOO_LARGE',
    `sqs: job ${message.id} is ${bytes} bytes with its envelope; its queue takes ${bytesMax}. Send a reference to the data, or raise MaximumMessageSize of the queue (up to ${LIMITS.bodyBytesMax}).`,
    { details: { jobId: message.id, bytes, bytesMax } },
  )
}
