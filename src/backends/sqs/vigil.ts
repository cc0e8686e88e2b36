/** The long polls of one queue of SQS, as long as somebody watches it. watch.ts has the states. */
import type { Calls } from './calls.js'
import type { Directory, RankPlace } from './directory.js'
import { faultOf } from './faults.js'
import { type HeldMessages, RECEIVED_ATTRIBUTES } from './held.js'
import { LIMITS, OURS } from './limits.js'

/** One place that is watched. */
export interface Vigil {
  readonly place: RankPlace
  state: 'polling' | 'warm'
  /** While a request is out: resolves when it is over. */
  polling: Promise<void> | null
  /** This process has sent something there meanwhile, so the request must be bringing it, or somebody else's does. */
  isExpecting: boolean
  /** Ends its rest. */
  wake: () => void
}

export interface VigilParts {
  readonly calls: Calls
  readonly directory: Directory
  readonly held: HeldMessages
  readonly visibilityMs: number
  readonly now: () => number
  /** The most that a poll brings. */
  readonly pollMessages: number
  readonly isWanted: (queue: string) => boolean
  readonly onArrival: (queue: string) => void
  /** Ends the poll that is out. */
  readonly signal: AbortSignal
}

export const createVigil = (place: RankPlace): Vigil => ({ place, state: 'polling', polling: null, isExpecting: false, wake: () => undefined })

/** Whether something came. */
async function poll(vigil: Vigil, { calls, held, visibilityMs, now, pollMessages, signal }: VigilParts): Promise<boolean> {
  const { place } = vigil
  const input = {
    QueueUrl: place.url,
    MaxNumberOfMessages: pollMessages,
    MessageSystemAttributeNames: [...RECEIVED_ATTRIBUTES],
    WaitTimeSeconds: LIMITS.pollSecondsMax,
    VisibilityTimeout: Math.ceil(visibilityMs / 1_000),
  }
  const limits = { timeoutMs: LIMITS.pollSecondsMax * 1_000 + OURS.pollGraceMs, signal }
  const askedAt = now()
  let over = (): void => undefined
  vigil.polling = new Promise((resolve) => {
    over = resolve
  })
  try {
    const what = `ReceiveMessage (long poll) from ${place.name}`
    const { Messages = [] } = await calls.once(what, limits, (sqs, options) => sqs.receiveMessage(input, options))
    // Not from the request on, here: the poll may have waited for twenty seconds. A message that came is at most as old as its way back.
    // Half of a short visibility is left all the same, or no poll would ever bring anything.
    held.add(place, Messages, Math.max(askedAt, now() - Math.min(OURS.pollGraceMs, visibilityMs / 2)))
    return Messages.length > 0
  } finally {
    vigil.polling = null
    vigil.isExpecting = false
    over()
  }
}

/** Never rejects. */
export async function keepVigil(vigil: Vigil, parts: VigilParts): Promise<void> {
  const { directory, isWanted, onArrival } = parts
  const { queue } = vigil.place
  const rest = (ms?: number): Promise<void> => restFor(ms, (wake) => Object.assign(vigil, { wake }))
  for (let failureCount = 0; isWanted(queue); ) {
    if (vigil.state === 'warm') {
      await rest()
      continue
    }
    let came: boolean
    try {
      came = await poll(vigil, parts)
      failureCount = 0
    } catch (error) {
      if (faultOf(error) === 'no-queue') {
        directory.forget(vigil.place)
        break
      }
      // Meanwhile every `receive` asks by itself, and says what is wrong.
      failureCount++
      if (isWanted(queue)) await rest(Math.min(OURS.pollBackoffMaxMs, OURS.pollBackoffFirstMs * 2 ** failureCount))
      continue
    }
    if (!came) continue
    vigil.state = 'warm'
    onArrival(queue)
  }
}

/** Until `ms` are over, if given, or the waker is called. */
export function restFor(ms: number | undefined, onRest: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
    onRest(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Until it is over, or `ms` are. */
export async function within(promise: Promise<void>, ms: number): Promise<void> {
  let wake = (): void => undefined
  const rest = restFor(ms, (end) => {
    wake = end
  })
  await Promise.race([promise, rest])
  wake()
}
