/**
 * What was received and not yet acknowledged. A message is `buffered` (no `receive` has taken it yet) or `out` (its receiver has it).
 *
 *   buffered → out          taken
 *   buffered → given back   nobody took it within `bufferMs`, or the transport closes: SQS may hand it to somebody else at once
 *   out → gone              acknowledged, set aside
 *   out → let go            the receiver said nothing for `holdMs`, or SQS no longer knows the receipt: it comes again when its visibility ends
 *
 * The visibility of what is out is extended from its receipt on, when half of it has passed; so its timer is not the handler's (a buffer whose messages
 * expire while they wait hands out what others already run). After a crash all of it comes again within `visibilityTimeout`, and merges by job id.
 */
import type { Message } from '@aws-sdk/client-sqs'
import type { PriorityRank } from '../../core/state.js'
import type { IncomingMessage } from '../broker/transport.js'
import { type Calls, chunksOf } from './calls.js'
import type { RankPlace } from './directory.js'
import { faultOf, faultOfEntry } from './faults.js'
import { LIMITS, OURS } from './limits.js'

/** A message; the handle of what is handed out. */
export interface Held {
  readonly place: RankPlace
  readonly messageId: string
  readonly body: string
  /** The newest: each receive makes another, and an older one may delete nothing. SQS Developer Guide, «Receipt handle». */
  receipt: string
  state: 'buffered' | 'out'
  /** Monotonic. */
  visibleAt: number
  /** Monotonic: received, then handed out. */
  since: number
  /** How often SQS has handed it out, roughly. */
  receiveCount: number
}

export interface HeldMessages {
  /** Messages as SQS gave them, asked for at `askedAt`. How many of them wait here that did not before. */
  add(place: RankPlace, messages: readonly Message[], askedAt: number): number
  /** Up to `max` buffered ones, most urgent first, then oldest; of one priority where it is given. */
  take(queue: string, max: number, rank?: PriorityRank): Taken[]
  /** Of this queue, and of one priority where it is given. */
  bufferedCount(queue: string, rank?: PriorityRank): number
  /** Whether its receiver has it still. */
  isOut(message: Held): boolean
  /** SQS may hand them to somebody else at once. Never throws. */
  giveBack(messages: readonly Held[]): Promise<void>
  /** They are about to be deleted. */
  remove(held: readonly Held[]): void
  /** Gives everything back, so that others have it at once. Never throws. */
  close(): Promise<void>
}

export interface Taken extends IncomingMessage {
  readonly handle: Held
}

export interface HeldParts {
  readonly calls: Calls
  readonly visibilityMs: number
  readonly now: () => number
  /** How long the visibility of what is out is extended. @default OURS.holdMs */
  readonly holdMs?: number
  /** What becomes of those that nobody took. @default they are given back */
  readonly unclaimed?: (messages: readonly Held[]) => Promise<void>
}

/** What is asked of SQS about a received message. */
export const RECEIVED_ATTRIBUTES = Object.freeze(['ApproximateReceiveCount'] as const)

const keyOf = (place: RankPlace, messageId: string): string => `${place.name} ${messageId}`

export function createHeld({ calls, visibilityMs, now, holdMs = OURS.holdMs, unclaimed }: HeldParts): HeldMessages {
  const held = new Map<string, Held>()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined

  const forget = (message: Held): void => void held.delete(keyOf(message.place, message.messageId))

  const changeVisibility = createVisibility({ calls, now, forget })
  const giveBack = (messages: readonly Held[]): Promise<void> => changeVisibility(messages, 0, OURS.giveBackMs)
  const letGo = unclaimed ?? giveBack

  async function look(): Promise<void> {
    const at = now()
    const back: Held[] = []
    const extended: Held[] = []
    for (const message of held.values()) {
      if (message.state === 'buffered' && at - message.since >= OURS.bufferMs) back.push(message)
      else if (message.state === 'out' && at - message.since >= holdMs) forget(message)
      else if (message.visibleAt - at <= visibilityMs / 2) extended.push(message)
    }
    back.forEach(forget)
    await Promise.all([
      back.length > 0 && letGo(back),
      // Given up before the next half is over.
      changeVisibility(extended, Math.ceil(visibilityMs / 1_000), visibilityMs / 4),
    ])
  }

  function beginLooking(): void {
    timer ??= setInterval(() => {
      if (held.size === 0) {
        clearInterval(timer)
        timer = undefined
        return
      }
      looking ??= look().finally(() => {
        looking = undefined
      })
    }, OURS.tickMs)
    // A process that has nothing else to do may end: what it holds comes again.
    timer.unref()
  }

  const bufferedOf = (queue: string, rank?: PriorityRank): Held[] =>
    [...held.values()].filter(({ state, place }) => state === 'buffered' && place.queue === queue && (rank ?? place.rank) === place.rank)

  return {
    add(place, messages, askedAt) {
      let addedCount = 0
      for (const { MessageId = '', ReceiptHandle = '', Body = '', Attributes } of messages) {
        const key = keyOf(place, MessageId)
        // One that is out comes again when its visibility has ended, or as a duplicate: it is handed out again, and either end deletes it.
        const known = held.get(key)
        if (known?.state !== 'buffered') addedCount++
        const received = { receipt: ReceiptHandle, state: 'buffered', visibleAt: askedAt + visibilityMs, since: now() } as const
        const receiveCount = Number(Attributes?.ApproximateReceiveCount ?? 1)
        held.set(key, Object.assign(known ?? { place, messageId: MessageId, body: Body }, { ...received, receiveCount }))
      }
      if (held.size > 0) beginLooking()
      return addedCount
    },
    take(queue, max, rank) {
      const at = now()
      const buffered = bufferedOf(queue, rank)
      // Past its visibility it is somebody else's: the event loop stood still meanwhile.
      for (const message of buffered) if (message.visibleAt <= at) forget(message)
      const taken = buffered.filter(({ visibleAt }) => visibleAt > at).sort((one, other) => one.place.rank - other.place.rank)
      return taken.slice(0, max).map((message) => {
        message.state = 'out'
        message.since = at
        return { queue, body: message.body, handle: message }
      })
    },
    bufferedCount: (queue, rank) => bufferedOf(queue, rank).length,
    isOut: (message) => message.state === 'out' && message.visibleAt > now() && held.get(keyOf(message.place, message.messageId)) === message,
    async giveBack(messages) {
      messages.forEach(forget)
      await giveBack(messages)
    },
    remove: (messages) => messages.forEach(forget),
    async close() {
      clearInterval(timer)
      await looking
      const left = [...held.values()]
      held.clear()
      const buffered = left.filter(({ state }) => state === 'buffered')
      await Promise.all([buffered.length > 0 && letGo(buffered), giveBack(left.filter(({ state }) => state === 'out'))])
    },
  }
}

/** 0 seconds is giving back. What SQS refuses is not ours any more. Failures that pass are met again at the next look, or by the visibility's end. */
function createVisibility({ calls, now, forget }: Pick<HeldParts, 'calls' | 'now'> & { readonly forget: (message: Held) => void }) {
  return async function changeVisibility(messages: readonly Held[], seconds: number, timeoutMs: number): Promise<void> {
    const change = async ({ place, batch }: Batch): Promise<void> => {
      const Entries = batch.map(({ receipt }, position) => ({ Id: String(position), ReceiptHandle: receipt, VisibilityTimeout: seconds }))
      const input = { QueueUrl: place.url, Entries }
      const what = `ChangeMessageVisibilityBatch of ${place.name}`
      const askedAt = now()
      try {
        const { Successful = [], Failed = [] } = await calls.once(what, { timeoutMs }, (sqs, options) =>
          sqs.changeMessageVisibilityBatch(input, options),
        )
        for (const { Id } of Successful) (batch[Number(Id)] as Held).visibleAt = askedAt + seconds * 1_000
        for (const entry of Failed) if (faultOfEntry(entry) !== 'passes') forget(batch[Number(entry.Id)] as Held)
      } catch (error) {
        // No right to, or no queue: nothing will ever extend these.
        if (faultOf(error) !== 'passes') batch.forEach(forget)
      }
    }
    await Promise.all(batchesOf(messages).map(change))
  }
}

interface Batch {
  readonly place: RankPlace
  readonly batch: readonly Held[]
}

/** In tens of one queue of SQS. */
function batchesOf(messages: readonly Held[]): Batch[] {
  const places = new Map(messages.map(({ place }) => [place.name, place]))
  return [...places.values()].flatMap((place) =>
    chunksOf(
      messages.filter((message) => message.place.name === place.name),
      LIMITS.batchEntriesMax,
    ).map((batch) => ({ place, batch })),
  )
}
