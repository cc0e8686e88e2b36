/** The parts over one client of the AWS SDK, opened at first use. */
import type { SQS } from '@aws-sdk/client-sqs'
import type { PriorityRank } from '../../core/state.js'
import { KerjaError } from '../../errors.js'
import type { IncomingMessage, OutgoingMessage, Transport } from '../broker/transport.js'
import { createAcknowledge } from './acknowledge.js'
import { createCalls } from './calls.js'
import { createDirectory, type RankPlace } from './directory.js'
import { createClient } from './driver.js'
import { faultOf } from './faults.js'
import { createHeld, type Held } from './held.js'
import { LIMITS, OURS } from './limits.js'
import type { SqsConfig } from './options.js'
import { createReceive } from './receive.js'
import { createSend } from './send.js'
import { createWatch, type Watch } from './watch.js'

/** How it deals with what it receives. */
export interface Manner {
  /** Messages are fetched ahead of whoever asks. */
  readonly isAhead: boolean
  /** How long the visibility of a message is extended while its receiver says nothing. */
  readonly holdMs: number
  /** What nobody took goes into the queue anew, so that SQS does not count it as received. */
  readonly sendsAnew: boolean
}

const WITH_STATE: Manner = Object.freeze({ isAhead: true, holdMs: OURS.holdMs, sendsAnew: false })

export type Parts = ReturnType<typeof createParts>

export function createParts(config: SqsConfig, { isAhead, holdMs, sendsAnew }: Manner) {
  const { visibilityMs, callTimeoutMs } = config
  const now = (): number => performance.now()
  const running = new Set<Promise<unknown>>()
  let loading: Promise<SQS> | undefined
  let opening: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const client = (): Promise<SQS> => (loading ??= forgotten(createClient(config), () => (loading = undefined)))
  const calls = createCalls({ client, callTimeoutMs })
  const directory = createDirectory({ config, calls, onFound: (place) => watch.noticed(place) })
  const held = createHeld({ calls, visibilityMs, now, holdMs, ...(sendsAnew && { unclaimed: sendAnew }) })
  const pollMessages = isAhead ? LIMITS.batchEntriesMax : 1
  const watch: Watch = createWatch({ calls, directory, held, visibilityMs, now, pollMessages })
  const send = createSend({ config, calls, directory, onSent: (place) => watch.sent(place) })
  const receive = createReceive({ calls, directory, held, interest: watch, visibilityMs, now, isAhead })
  const { acknowledge, setAside } = createAcknowledge({ config, calls, directory, held })

  async function sendAnew(messages: readonly Held[]): Promise<void> {
    const answers = await send(
      messages.map(({ place, messageId: id, body }) => ({ id, queue: place.queue, priority: place.rank, group: null, body })),
    )
    // One that could not be stored comes again by itself.
    const stored = messages.filter((_, index) => answers[index] === null)
    await acknowledge(stored.map((handle) => ({ queue: handle.place.queue, body: handle.body, handle })))
  }

  /** Of one priority where it is given. */
  async function depth(queue: string, rank?: PriorityRank): Promise<number> {
    if (!watch.isWatched(queue)) await directory.discover()
    const places = directory.placesOf(queue).filter((place) => (rank ?? place.rank) === place.rank)
    // Nothing waits where a long poll does.
    const depthOf = async (place: RankPlace): Promise<number> => ((await watch.isPolled(place)) ? 0 : directory.depthOf(place).catch(zeroIfGone))
    const counts = await Promise.all(places.map(depthOf))
    return counts.reduce((sum, count) => sum + count, held.bufferedCount(queue, rank))
  }

  /** Closing waits for it; nothing begins afterwards. */
  function run<Value>(action: () => Promise<Value>): Promise<Value> {
    if (closing !== undefined) return Promise.reject(closedError())
    const result = action()
    running.add(result)
    const over = (): void => void running.delete(result)
    result.then(over, over)
    return result
  }

  async function end(): Promise<void> {
    await Promise.all([watch.close(), Promise.allSettled(running)])
    await held.close()
    await loading?.then((made) => made.destroy()).catch(() => undefined)
  }

  return {
    held,
    bodyBytesMax: () => directory.bodyBytesMax(),
    open: () => run(() => (opening ??= forgotten(directory.probe(), () => (opening = undefined)))),
    close: () => (closing ??= end()),
    send: (messages: readonly OutgoingMessage[]) => run(() => send(messages)).catch((error: KerjaError) => messages.map(() => error)),
    receive: (...asked: Parameters<typeof receive>) => run(() => receive(...asked)),
    // After closing has begun they are given back.
    acknowledge: (messages: readonly IncomingMessage[]) => run(() => acknowledge(messages)).catch(() => undefined),
    setAside: (message: IncomingMessage, reason: string) => run(() => setAside(message, reason)).catch(() => undefined),
    watch: (queues: readonly string[], onArrival: () => void) => (closing === undefined ? watch.watch(queues, onArrival) : () => undefined),
    depth: (...asked: Parameters<typeof depth>) => run(() => depth(...asked)),
  }
}

export function createTransport(config: SqsConfig): Transport {
  const { bodyBytesMax, held: _held, ...parts } = createParts(config, WITH_STATE)
  return {
    name: 'sqs',
    location: locationOf(config),
    get bodyBytesMax() {
      return bodyBytesMax()
    },
    redeliveryMs: REDELIVERY_MS,
    ...parts,
    receive: (queue, max) => parts.receive(queue, max),
    depth: (queue) => parts.depth(queue),
  }
}

/** The next call tries again what failed. */
function forgotten<Value>(result: Promise<Value>, forget: () => void): Promise<Value> {
  result.catch(forget)
  return result
}

/** What could not be deleted comes again until SQS drops it for its age. */
export const REDELIVERY_MS = LIMITS.retentionSeconds * 1_000

const closedError = (): KerjaError => new KerjaError('BACKEND_CLOSED', 'sqs: the transport was closed. Make a new one.')

function zeroIfGone(error: unknown): number {
  if (faultOf(error) === 'no-queue') return 0
  throw error
}

/** Without secrets: for messages. */
export function locationOf({ region, prefix, endpoint }: SqsConfig): string {
  const at = endpoint === undefined ? '' : ` at ${new URL(endpoint).origin}`
  return `sqs://${region ?? '(region of the environment)'}/${prefix}${at}`
}
