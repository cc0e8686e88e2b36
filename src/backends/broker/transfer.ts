/** Jobs to and from other stores: what the broker holds is checked out first, and goes with the rest; what arrives becomes the state's. */
import type { Backend } from '../../contract/backend.js'
import type { AcceptResult, CarriedJob, CarriedPage, PageRequest, Transfer } from '../../contract/transfer.js'
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

/** Where the state has no more but the broker may: the same place again. A cursor of the state follows the mark. */
const AGAIN = 'again:'

export function createTransfer({ state, transport, intake, queues }: TransferParts): Transfer {
  const { transfer, ledger } = state

  /** Those noted, those served, and those that the state has ever seen. */
  async function everyQueue(): Promise<ReadonlySet<string>> {
    const stats = await ledger.stats({ queues: null, countCap: 0, windowMs: 0 })
    return new Set([...(await queues.all()), ...stats.map(({ queue }) => queue)])
  }

  async function afterIntake<Request extends PageRequest>(request: Request, read: (request: Request) => Promise<CarriedPage>): Promise<CarriedPage> {
    const cursor = request.cursor?.startsWith(AGAIN) === true ? request.cursor.slice(AGAIN.length) || null : request.cursor
    for (;;) {
      const isMore = await intake.some(await everyQueue(), request.limit)
      const { jobs, next } = await read({ ...request, cursor })
      // What was checked out stands behind whatever was read, so that the same place will do.
      if (next !== null || !isMore) return { jobs, next }
      if (jobs.length > 0) return { jobs, next: `${AGAIN}${cursor ?? ''}` }
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
    take: (request) => afterIntake(request, transfer.take),
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
