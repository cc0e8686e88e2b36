/**
 * Receiving without waiting: first what is buffered, then the queues of SQS from the most urgent on, in tens.
 *
 * A queue is not asked while a long poll of ours waits there: a message that waited would have come by it. Otherwise «empty» is believed when
 * `emptyPollsMax` short polls in a row say it, or one if the long polls of a watch go on from there: a short poll asks only some of the servers of SQS.
 */

import type { IncomingMessage } from '../broker/transport.js'
import { type Calls, inParallel } from './calls.js'
import type { Directory, RankPlace } from './directory.js'
import { faultOf } from './faults.js'
import type { HeldMessages } from './held.js'
import { LIMITS, OURS } from './limits.js'

/** What a watch knows and wants to know about a place. */
export interface Interest {
  /** Whether the queue is watched: its places are known, and long polls go on where a short one ends. */
  isWatched(queue: string): boolean
  /** Whether a long poll waits there. One that must be bringing what this process has sent is waited for. */
  isPolled(place: RankPlace): Promise<boolean>
  /** A receive has found something, or nothing, there. */
  found(place: RankPlace, some: boolean): void
}

export interface ReceiveParts {
  readonly calls: Calls
  readonly directory: Directory
  readonly held: HeldMessages
  readonly interest: Interest
  readonly visibilityMs: number
  readonly now: () => number
}

export function createReceive({ calls, directory, held, interest, visibilityMs, now }: ReceiveParts) {
  /** When each queue was last asked for. */
  const lastAt = new Map<string, number>()
  /** Places whose last answer was a full one. */
  const plenty = new Set<string>()

  /** One request: how many came, and how many of them are new here. SQS may deliver a message again that was not acknowledged yet. */
  async function ask(place: RankPlace, count: number): Promise<{ readonly came: number; readonly fresh: number }> {
    const input = {
      QueueUrl: place.url,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: 0,
      VisibilityTimeout: Math.ceil(visibilityMs / 1_000),
    }
    // Counted from the request on: SQS begins no earlier.
    let askedAt = 0
    const { Messages = [] } = await calls.run(`ReceiveMessage from ${place.name}`, (sqs, options) => {
      askedAt = now()
      return sqs.receiveMessage(input, options)
    })
    return { came: Messages.length, fresh: held.add(place, Messages, askedAt) }
  }

  /**
   * As many requests at once as `missing` needs, if there seems to be plenty; how many new messages came. A request asks for ten, since the rest will be
   * wanted in a moment, unless the queue is asked so seldom that the rest would only be given back.
   */
  async function askAtOnce(place: RankPlace, missing: number, overAsk: boolean): Promise<number> {
    const requestCount = plenty.has(place.name) ? Math.min(OURS.receivesMax, Math.ceil(missing / LIMITS.batchEntriesMax)) : 1
    let left = missing
    const counts: number[] = []
    for (let request = 0; request < requestCount; request++) {
      counts.push(overAsk ? LIMITS.batchEntriesMax : Math.min(LIMITS.batchEntriesMax, left))
      left -= LIMITS.batchEntriesMax
    }
    let freshCount = 0
    let full = true
    let failure: unknown
    await inParallel(counts, requestCount, async (count) => {
      try {
        const { came, fresh } = await ask(place, count)
        freshCount += fresh
        full &&= came === count
      } catch (error) {
        failure = error
      }
    })
    if (full && failure === undefined) plenty.add(place.name)
    else plenty.delete(place.name)
    // What came with the others must not be lost for the one that failed.
    if (freshCount === 0 && failure !== undefined) throw failure
    return freshCount
  }

  async function fill(place: RankPlace, max: number, overAsk: boolean): Promise<void> {
    const emptyMax = interest.isWatched(place.queue) ? 1 : OURS.emptyPollsMax
    let emptyCount = 0
    for (let missing = max - held.bufferedCount(place.queue); missing > 0 && emptyCount < emptyMax; missing = max - held.bufferedCount(place.queue)) {
      const freshCount = await askAtOnce(place, missing, overAsk)
      emptyCount = freshCount === 0 ? emptyCount + 1 : 0
    }
    interest.found(place, emptyCount === 0)
  }

  return async (queue: string, max: number): Promise<readonly IncomingMessage[]> => {
    if (max <= 0) return []
    const at = now()
    const overAsk = at - (lastAt.get(queue) ?? Number.NEGATIVE_INFINITY) < OURS.bufferMs
    lastAt.set(queue, at)
    if (held.bufferedCount(queue) >= max) return held.take(queue, max)
    if (!interest.isWatched(queue)) await directory.discover()
    for (const place of directory.placesOf(queue)) {
      if (held.bufferedCount(queue) >= max) break
      if (await interest.isPolled(place)) continue
      try {
        await fill(place, max, overAsk)
      } catch (error) {
        const fault = faultOf(error)
        if (fault === 'no-queue') directory.forget(place)
        // A queue that was deleted is an empty one. What is there already is not kept back for a failure further on.
        if (fault !== 'no-queue' && held.bufferedCount(queue) === 0) throw error
      }
    }
    return held.take(queue, max)
  }
}
