/**
 * Which settlements and claims share a call. A claim takes along what is to be settled; settlements beyond the calls that are out wait, and go
 * out together when one is back: a commit costs about the same for one job as for many, and the more the slower the disk.
 *
 * What waits here is lost with the process, like whatever was not sent yet: those jobs run again.
 */
import type { ClaimRequest, ClaimResult } from '../../contract/backend.js'
import type { Settlement, SettleResult } from '../../contract/job.js'
import { isAway } from '../../errors.js'

export interface FuseActions {
  readonly settle: (settlements: readonly Settlement[]) => Promise<SettleResult[]>
  readonly claim: (request: ClaimRequest) => Promise<ClaimResult>
  readonly both: (
    settlements: readonly Settlement[],
    request: ClaimRequest,
  ) => Promise<{ readonly results: SettleResult[]; readonly claimed: ClaimResult }>
}

export type Fuse = Pick<FuseActions, 'settle' | 'claim'>

/** Calls that settle, at a time: while one is written to disk the server works on the other. */
const SETTLING_MAX = 2
/** Settlements of a call that others may join: it is to stay short. */
const TOGETHER_MAX = 1_000

interface Ended {
  readonly settlements: readonly Settlement[]
  readonly done: (outcome: Promise<SettleResult[]>) => void
}
interface Wanted {
  readonly request: ClaimRequest
  readonly done: (outcome: Promise<ClaimResult>) => void
}

export function createFuse({ settle, claim, both }: FuseActions): Fuse {
  const waiting: Ended[] = []
  let wanted: Wanted | undefined
  let settlingCount = 0
  let scheduled = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(flush)
  }

  function flush(): void {
    scheduled = false
    const claiming = wanted
    wanted = undefined
    // With a claim it is no call of its own.
    const ended = claiming !== undefined || settlingCount < SETTLING_MAX ? takeFrom(waiting) : []
    if (ended.length > 0) send(ended, claiming)
    else claiming?.done(claim(claiming.request))
  }

  function send(ended: readonly Ended[], claiming: Wanted | undefined): void {
    const settlements = ended.flatMap((each) => each.settlements)
    const fused = claiming === undefined ? undefined : both(settlements, claiming.request)
    const settled = fused === undefined ? settle(settlements) : fused.then(({ results }) => results)
    settlingCount += 1
    const back = (): void => {
      settlingCount -= 1
      if (waiting.length > 0) schedule()
    }
    settled.then(back, back)
    claiming?.done((fused as NonNullable<typeof fused>).then(({ claimed }) => claimed).catch(apart(() => claim(claiming.request))))
    let end = 0
    for (const { settlements: own, done } of ended) {
      const start = end
      end += own.length
      const mine = settled.then((results) => results.slice(start, start + own.length))
      done(fused === undefined && ended.length === 1 ? mine : mine.catch(apart(() => settle(own))))
    }
  }

  return {
    settle(settlements) {
      schedule()
      return new Promise((resolve) => {
        waiting.push({ settlements, done: resolve })
      })
    },
    claim(request) {
      if (wanted !== undefined) flush()
      schedule()
      return new Promise((resolve) => {
        wanted = { request, done: resolve }
      })
    },
  }
}

/** Those that go out now: the oldest, and as many behind it as fit. */
function takeFrom(waiting: Ended[]): Ended[] {
  let [count, size] = [0, 0]
  for (const { settlements } of waiting) {
    size += settlements.length
    if (count > 0 && size > TOGETHER_MAX) break
    count += 1
  }
  return waiting.splice(0, count)
}

/** What fails together says nothing about any of it: each is tried by itself, unless the store is away. */
function apart<T>(alone: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => (isAway(error) ? Promise.reject(error) : alone())
}
