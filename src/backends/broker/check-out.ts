/**
 * How a message becomes a job of the state: received, accepted there, and only then acknowledged. A crash between the last two is a message that
 * comes again and merges by id.
 *
 * Messages that the state could not take, since it is away, stay here, unacknowledged and in their order, and are first in line when it is back.
 */
import type { Backend } from '../../contract/backend.js'
import type { AcceptResult, CarriedJob } from '../../contract/transfer.js'
import { type Failure, isFailure, isolate } from './isolate.js'
import { dueJobOf, readMessage } from './message.js'
import type { Notices } from './notices.js'
import type { Reach } from './reach.js'
import type { Recent } from './recent.js'
import type { StateClock } from './state-clock.js'
import type { IncomingMessage, Transport } from './transport.js'
import { within } from './within.js'

export interface CheckOutParts {
  readonly transport: Pick<Transport, 'acknowledge' | 'setAside' | 'location'>
  readonly reach: Pick<Reach, 'receive'>
  readonly state: Backend
  readonly recent: Recent
  readonly stateClock: StateClock
  readonly notices: Notices
}

/** A message that is a job. */
export interface Received {
  readonly message: IncomingMessage
  readonly job: CarriedJob
}

export interface CheckOut {
  /** Up to `max` messages of the queue, and those among them that are jobs. What cannot be read is set aside. */
  receive(queue: string, max: number): Promise<{ readonly count: number; readonly received: readonly Received[] }>
  /** Makes them the state's own, durably. The jobs that are new there. @throws what says that the state is away; the messages are kept */
  store(received: readonly Received[]): Promise<readonly CarriedJob[]>
  /** What was kept goes first. @throws as `store` */
  storeKept(): Promise<readonly CarriedJob[]>
  /** Runs what receives and stores. */
  during<Answer>(run: () => Promise<Answer>): Promise<Answer>
  /** Resolves when whatever was received before is in the state, or kept; or after a moment. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** In one call to the state. */
const BATCH_JOBS = 500
const BATCH_CHARACTERS_MAX = 1_048_576
/** Longer than this nobody waits for what others have received. */
const PATIENCE_MS = 1_000
const CLOSE_MS_MAX = 5_000
/** While messages are kept: how often the state is tried where no claim does. */
const RETRY_MS = 1_000

export function createCheckOut({ transport, reach, state, recent, stateClock, notices }: CheckOutParts): CheckOut {
  let kept: Received[] = []
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const running = new Set<Promise<unknown>>()
  /** The broker is being told. */
  const ending = new Set<Promise<unknown>>()

  function track<Answer>(calls: Set<Promise<unknown>>, call: Promise<Answer>): Promise<Answer> {
    calls.add(call)
    const done = (): void => void calls.delete(call)
    call.then(done, done)
    return call
  }

  function setAside(message: IncomingMessage, reason: string): void {
    notices.warn('a message cannot become a job and was set aside', { broker: transport.location, queue: message.queue, reason })
    void track(ending, transport.setAside(message, reason))
  }

  function read(messages: readonly IncomingMessage[]): Received[] {
    const stateNow = stateClock.now()
    return messages.flatMap((message) => {
      const envelope = readMessage(message)
      if ('job' in envelope) return [{ message, job: dueJobOf(envelope, stateNow) }]
      setAside(message, envelope.reason)
      return []
    })
  }

  async function storeBatch(batch: readonly Received[]): Promise<readonly CarriedJob[]> {
    const answers = await isolate(batch, (some) => state.transfer.accept(some.map(({ job }) => job)))
    const stored: IncomingMessage[] = []
    const fresh: CarriedJob[] = []
    for (const [index, { message, job }] of batch.entries()) {
      const answer = answers[index] as AcceptResult | Failure
      if (isFailure(answer)) {
        setAside(message, `the state refuses it: ${answer.error instanceof Error ? answer.error.message : answer.error}`)
        continue
      }
      stored.push(message)
      recent.arrived(job.jobId)
      if (answer.status === 'accepted') fresh.push(job)
    }
    // Not waited for: whatever is lost of it comes again and merges.
    if (stored.length > 0) void track(ending, transport.acknowledge(stored))
    return fresh
  }

  async function store(messages: readonly Received[]): Promise<readonly CarriedJob[]> {
    const received = messages.toSorted(byAge)
    const fresh: CarriedJob[] = []
    for (const [start, end] of batchesOf(received)) {
      try {
        fresh.push(...(await storeBatch(received.slice(start, end))))
      } catch (error) {
        kept = [...kept, ...received.slice(start)]
        plan()
        throw error
      }
    }
    return fresh
  }

  function storeKept(): Promise<readonly CarriedJob[]> {
    const received = kept
    kept = []
    return received.length === 0 ? Promise.resolve([]) : track(running, store(received))
  }

  function plan(): void {
    if (isClosed) return
    clearTimeout(timer)
    // The outage is reported by whoever claims; here it is only waited for.
    timer = setTimeout(() => void storeKept().catch(() => undefined), RETRY_MS)
    timer.unref()
  }

  async function ended(): Promise<void> {
    while (running.size + ending.size > 0) await Promise.allSettled([...running, ...ending])
  }

  return {
    async receive(queue, max) {
      const messages = await reach.receive(queue, max)
      return { count: messages.length, received: read(messages) }
    },
    store,
    storeKept,
    during: (run) => track(running, run()),
    async settled() {
      await within(Promise.allSettled([...running]), PATIENCE_MS)
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      // What has not ended by then comes again.
      await within(ended(), CLOSE_MS_MAX)
    },
  }
}

/** In order of their making, over all queues: the ids of one producer ascend. */
const byAge = ({ job: one }: Received, { job: other }: Received): number =>
  one.createdAt - other.createdAt || (one.jobId < other.jobId ? -1 : one.jobId > other.jobId ? 1 : 0)

/** Slices that are not too many jobs and not too much text for one call. */
function* batchesOf(received: readonly Received[]): Generator<readonly [start: number, end: number]> {
  let start = 0
  let characters = 0
  for (const [index, { job }] of received.entries()) {
    characters += job.payload.length
    if (index > start && (index - start === BATCH_JOBS || characters > BATCH_CHARACTERS_MAX)) {
      yield [start, index]
      start = index
      characters = job.payload.length
    }
  }
  if (start < received.length) yield [start, received.length]
}
