/**
 * The queue: pushes on their own connections, settlements and claims on others. A settlement and a claim that are asked in one turn of the event
 * loop go out together, in one transaction.
 */
import type { ClaimRequest, ClaimResult, Queue } from '../../contract/backend.js'
import type { NewJob, Settlement, SettleResult } from '../../contract/job.js'
import { isAway } from '../../errors.js'
import { type Again, again, once } from './again.js'
import { createClaims } from './claim.js'
import { createLanes, type Lanes } from './lanes.js'
import { createLapsed } from './lapsed.js'
import { createPush, itemOf } from './push.js'
import type { Session } from './session.js'
import { type SettleCall, settleCall } from './settle.js'

export interface QueueHooks {
  readonly wake: (kind: 'available' | 'changed') => void
}

export interface QueueParts {
  readonly queue: Omit<Queue, 'listen' | 'heartbeat'>
  readonly lanes: Lanes
  /** Jobs went to places that a claim of this process may have passed. */
  readonly moved: () => void
  /** Jobs as `push_keyed_1` takes them, in order, as JSON; their lanes are made known first. */
  readonly encodeJobs: (jobs: readonly NewJob[]) => Promise<string>
}

/** `lanes`: those of the main queue, where `session` is a transaction of the caller, in which no lane is to be made. */
export function createQueue(session: Session, hooks: QueueHooks, shared?: Lanes): QueueParts {
  const { schema } = session
  const lanes = shared ?? createLanes(session)
  const retried: Again = shared === undefined ? again : once
  const push = createPush(session, lanes, retried)
  const claims = createClaims(session, lanes)
  const lapsed = createLapsed(session, lanes)
  const settleSql = `SELECT ${schema}.settle_1($1, $2, $3, $4, $5, $6)`

  async function settleNow(call: SettleCall): Promise<SettleResult[]> {
    const [row] = await retried(() => session.query<[string | null]>(settleSql, [session.now(), ...call.values], { lane: 'work' }))
    return call.resultsOf(row?.[0] ?? null)
  }

  const fuse = createFuse({
    settle: settleNow,
    claim: (request) => retried(() => claims.claim(request)),
    both: (call, request) => claims.settleAndClaim(call, request),
  })

  return {
    lanes,
    moved: claims.moved,
    async encodeJobs(jobs) {
      await lanes.ensure(jobs)
      return JSON.stringify(jobs.map((job) => itemOf(job, lanes.idOf(job))))
    },
    queue: {
      async push(jobs) {
        const results = await push(jobs)
        // Asked for a time that may be long past.
        if (jobs.some(({ runAt, unique }) => runAt !== null || unique !== null)) claims.moved()
        if (results.length > 0) hooks.wake('available')
        return results
      },
      claim: (request) => fuse.claim(request),
      async settle(settlements) {
        if (settlements.length === 0) return []
        await lanes.ensure(settlements.flatMap((settlement) => (settlement.outcome === 'complete' ? settlement.enqueue : [])))
        const results = await (shared === undefined ? fuse.settle(settleCall(settlements, lanes)) : settleNow(settleCall(settlements, lanes)))
        if (settlements.some(({ outcome }) => GOES_BACK.has(outcome))) claims.moved()
        if (settlements.some(makesAvailable)) hooks.wake('available')
        if (results.some((result) => result !== 'lost')) hooks.wake('changed')
        return results
      },
      lapsed,
      async expire({ limit, retentionMs }) {
        const [row] = await session.query<[number]>(`SELECT ${schema}.expire_1($1, $2, $3)`, [session.now(), limit, Math.ceil(retentionMs)], {
          lane: 'work',
        })
        const count = row?.[0] ?? 0
        if (count > 0) hooks.wake('changed')
        return count
      },
    },
  }
}

/** Outcomes after which the job waits again, maybe at a place that was passed. */
const GOES_BACK: ReadonlySet<Settlement['outcome']> = new Set(['retry', 'snooze', 'release', 'crash', 'hold'])

const makesAvailable = (settlement: Settlement): boolean =>
  GOES_BACK.has(settlement.outcome) || (settlement.outcome === 'complete' && settlement.enqueue.length > 0)

interface FuseActions {
  readonly settle: (call: SettleCall) => Promise<SettleResult[]>
  readonly claim: (request: ClaimRequest) => Promise<ClaimResult>
  readonly both: (call: SettleCall, request: ClaimRequest) => Promise<{ readonly results: SettleResult[]; readonly claimed: ClaimResult }>
}

/** Pairs a settlement with a claim of the same turn. */
function createFuse({ settle, claim, both }: FuseActions) {
  let settling: { readonly call: SettleCall; readonly done: (outcome: Promise<SettleResult[]>) => void } | undefined
  let claiming: { readonly request: ClaimRequest; readonly done: (outcome: Promise<ClaimResult>) => void } | undefined
  let scheduled = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(flush)
  }

  function flush(): void {
    scheduled = false
    const [ended, wanted] = [settling, claiming]
    settling = undefined
    claiming = undefined
    if (ended !== undefined && wanted !== undefined) {
      const fused = both(ended.call, wanted.request)
      // What fails together says nothing about either: each is tried by itself, unless the store is away.
      const apart = <T>(error: unknown, alone: () => Promise<T>): Promise<T> => (isAway(error) ? Promise.reject(error) : alone())
      ended.done(
        fused.then(
          ({ results }) => results,
          (error: unknown) => apart(error, () => settle(ended.call)),
        ),
      )
      wanted.done(
        fused.then(
          ({ claimed }) => claimed,
          (error: unknown) => apart(error, () => claim(wanted.request)),
        ),
      )
      return
    }
    ended?.done(settle(ended.call))
    wanted?.done(claim(wanted.request))
  }

  return {
    settle(call: SettleCall): Promise<SettleResult[]> {
      if (settling !== undefined) flush()
      schedule()
      return new Promise((resolve) => {
        settling = { call, done: resolve }
      })
    },
    claim(request: ClaimRequest): Promise<ClaimResult> {
      if (claiming !== undefined) flush()
      schedule()
      return new Promise((resolve) => {
        claiming = { request, done: resolve }
      })
    },
  }
}
