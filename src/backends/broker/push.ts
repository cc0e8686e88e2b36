/**
 * Where a pushed job goes: a plain one, due at once, to the broker; any other to the state. A plain job asks nothing of the state, unless its id
 * was pushed here before.
 */
import type { Backend } from '../../contract/backend.js'
import type { StoreClock } from '../../contract/clock.js'
import type { NewJob, PushOutcome } from '../../contract/job.js'
import { isAway } from '../../errors.js'
import { type Failure, isFailure, isolate } from './isolate.js'
import { isPlain, messageOf } from './message.js'
import type { KnownQueues } from './queues.js'
import type { Recent } from './recent.js'
import type { OutgoingMessage, Transport } from './transport.js'

export interface PushParts {
  readonly transport: Pick<Transport, 'send' | 'bodyBytesMax'>
  readonly state: Backend
  readonly clock: StoreClock
  readonly recent: Recent
  readonly queues: KnownQueues
}

type Push = (jobs: readonly NewJob[]) => Promise<readonly PushOutcome[]>

/** A message that the broker has not confirmed yet. */
interface Sending {
  readonly answers: Promise<readonly PushOutcome[]>
  readonly position: number
}

/** How the answer for one job is found in those of the broker and of the state. */
type Outcome = (fromBroker: readonly PushOutcome[], fromState: readonly PushOutcome[]) => PushOutcome | Promise<PushOutcome>

export function createPush({ transport, state, clock, recent, queues }: PushParts): Push {
  const sending = new Map<string, Sending>()

  async function send(messages: readonly OutgoingMessage[]): Promise<readonly PushOutcome[]> {
    if (messages.length === 0) return []
    const errors = await transport.send(messages)
    return messages.map(({ id }, index) => {
      const error = errors[index] ?? null
      sending.delete(id)
      if (error === null) return { status: 'created', id }
      recent.delete(id)
      return { status: 'error', error }
    })
  }

  async function store(jobs: readonly NewJob[]): Promise<readonly PushOutcome[]> {
    try {
      const answers = await isolate(jobs, (some) => state.queue.push(some))
      for (const answer of answers) if (!isFailure(answer)) recent.set(answer.id, 'stored')
      return answers
    } catch (error) {
      return jobs.map(() => ({ status: 'error', error }))
    }
  }

  /** Ids that were in the state once, and still are as far as anybody can say: a record that was removed stands for nothing. */
  async function stillStored(jobs: readonly NewJob[]): Promise<ReadonlySet<string>> {
    const ids = jobs.filter((job) => isPlain(job) && recent.get(job.id) === 'stored').map(({ id }) => id)
    if (ids.length === 0) return new Set()
    try {
      const records = await state.ledger.get(ids)
      return new Set(ids.filter((_, index) => records[index] !== null))
    } catch (error) {
      if (!isAway(error)) throw error
      return new Set(ids)
    }
  }

  async function duplicateOf(id: string, { answers, position }: Sending): Promise<PushOutcome> {
    const answer = (await answers)[position] as PushOutcome
    return isFailure(answer) ? answer : { status: 'duplicate', id }
  }

  /** Sorts the jobs: messages for the broker, jobs for the state, and how the answer of each is found once both have answered. */
  function plan(jobs: readonly NewJob[], stored: ReadonlySet<string>, answers: Promise<readonly PushOutcome[]>) {
    const at = clock.now()
    const messages: OutgoingMessage[] = []
    const others: NewJob[] = []
    const outcomes = jobs.map((job): Outcome => {
      const { id } = job
      const before = sending.get(id)
      if (before !== undefined) return () => duplicateOf(id, before)
      if (stored.has(id) || recent.get(id) === 'sent') return () => ({ status: 'duplicate', id })
      const message = isPlain(job) ? messageOf(job, at) : null
      if (message === null || Buffer.byteLength(message.body) > transport.bodyBytesMax) {
        const position = others.push(job) - 1
        return (_, fromState) => fromState[position] as PushOutcome
      }
      const position = messages.push(message) - 1
      queues.note(job.queue)
      sending.set(id, { answers, position })
      // Before it is sent: it may arrive in the state while its confirmation is still on the way.
      recent.set(id, 'sent')
      return (fromBroker) => fromBroker[position] as PushOutcome
    })
    return { messages, others, outcomes }
  }

  return async (jobs) => {
    const stored = await stillStored(jobs)
    let sent: (answers: readonly PushOutcome[]) => void = () => undefined
    const answers = new Promise<readonly PushOutcome[]>((resolve) => {
      sent = resolve
    })
    const { messages, others, outcomes } = plan(jobs, stored, answers)
    const [fromBroker, fromState] = await Promise.all([send(messages), store(others)])
    sent(fromBroker)
    const results = await Promise.all(outcomes.map((outcome) => outcome(fromBroker, fromState)))
    const [first] = results
    // None is stored: the call failed, whatever the jobs.
    if (first !== undefined && results.every(isFailure)) throw (first as Failure).error
    return results
  }
}
