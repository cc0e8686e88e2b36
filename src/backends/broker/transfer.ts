/** Jobs to and from other stores: what the broker holds is checked out first, and goes with the rest; what arrives becomes the state's. */
import type { Backend } from '../../contract/backend.js'
import type { AcceptResult, CarriedJob, CarriedPage, TakeRequest, Transfer } from '../../contract/transfer.js'
import { isAway } from '../../errors.js'
import type { Intake } from './intake.js'
import { envelopeFrom, messageOf } from './message.js'
import type { KnownQueues } from './queues.js'
import type { OutgoingMessage, Transport } from './transport.js'

export interface TransferParts {
  readonly state: Backend
  readonly transport: Pick<Transport, 'send' | 'bodyBytesMax'>
  readonly intake: Intake
  readonly queues: KnownQueues
}

/** The same place again, since messages may still come: a cursor of the state follows the mark. */
const AGAIN = 'again:'

export function createTransfer({ state, transport, intake, queues }: TransferParts): Transfer {
  const { transfer, ledger } = state

  /** Those noted, those served, and those that the state has ever seen. */
  async function everyQueue(): Promise<ReadonlySet<string>> {
    const stats = await ledger.stats({ queues: null, countCap: 0, windowMs: 0 })
    return new Set([...(await queues.all()), ...stats.map(({ queue }) => queue)])
  }

  /**
   * A cursor of the state may lie behind what it has not numbered yet. So while messages come, a page starts where jobs were known to stand, and
   * goes on from its own start: what is checked out next stands behind that.
   */
  async function afterIntake(request: TakeRequest): Promise<CarriedPage> {
    const isAgain = request.cursor?.startsWith(AGAIN) ?? true
    const known = isAgain ? request.cursor?.slice(AGAIN.length) || null : null
    for (let place = known; ; ) {
      const count = await intake.some(await everyQueue(), request.limit)
      if (count === 0) return transfer.take({ ...request, cursor: isAgain ? place : request.cursor })
      for (let cursor = place; ; ) {
        const { jobs, next } = await transfer.take({ ...request, cursor })
        if (jobs.length > 0) return { jobs, next: `${AGAIN}${cursor ?? ''}` }
        if (next === null) break
        place = cursor
        cursor = next
      }
    }
  }

  /** While the state is away, jobs that wait for nothing but a worker can wait in the broker. Null: not all of them can. */
  async function sendInstead(jobs: readonly CarriedJob[]): Promise<readonly AcceptResult[] | null> {
    const messages = jobs.flatMap((job): OutgoingMessage[] => {
      const envelope = envelopeFrom(job)
      const message = envelope === null ? null : messageOf(envelope.job, envelope.at)
      return message === null || Buffer.byteLength(message.body) > transport.bodyBytesMax ? [] : [message]
    })
    if (messages.length < jobs.length) return null
    const errors = await transport.send(messages)
    return errors.every((error) => error === null) ? jobs.map(() => ({ status: 'accepted' })) : null
  }

  return {
    take: afterIntake,
    ended: transfer.ended,
    async accept(jobs) {
      try {
        return await transfer.accept(jobs)
      } catch (error) {
        const sent = isAway(error) ? await sendInstead(jobs) : null
        if (sent === null) throw error
        return sent
      }
    },
    leave: transfer.leave,
    keys: transfer.keys,
    acceptKeys: transfer.acceptKeys,
    acceptSchedules: transfer.acceptSchedules,
  }
}
