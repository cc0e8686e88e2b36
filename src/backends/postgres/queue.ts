/** The queue: pushes on their own connections, settlements and claims on others, in as few transactions as they allow. */
import type { Queue } from '../../contract/backend.js'
import type { NewJob, Settlement, SettleResult } from '../../contract/job.js'
import { type Again, again, once } from './again.js'
import { createClaims } from './claim.js'
import { createFuse } from './fuse.js'
import { createLanes, type Lanes } from './lanes.js'
import { createLapsed } from './lapsed.js'
import { createPush, itemOf } from './push.js'
import type { Session } from './session.js'
import { settleCall } from './settle.js'

export interface QueueHooks {
  readonly wake: (kind: 'available' | 'changed', told?: boolean) => void
  /** See `Listeners`; absent where calls must not commit. */
  readonly takeTurn?: (kind: 'available') => string | null
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
  const push = createPush(session, lanes, retried, hooks.takeTurn)
  const claims = createClaims(session, lanes, () => hooks.wake('available', true))
  const lapsed = createLapsed(session, lanes)
  const settleSql = `SELECT ${schema}.settle_1($1, $2, $3, $4, $5, $6)`

  async function settleNow(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    const call = settleCall(settlements, lanes)
    const [row] = await retried(() => session.query<[string | null]>(settleSql, [session.now(), ...call.values], { lane: 'work' }))
    return call.resultsOf(row?.[0] ?? null)
  }

  const fuse = createFuse({
    settle: settleNow,
    claim: (request) => retried(() => claims.claim(request)),
    both: (settlements, request) => claims.settleAndClaim(settleCall(settlements, lanes), request),
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
        const { results, told } = await push(jobs)
        // Asked for a time that may be long past.
        if (jobs.some(({ runAt, unique }) => runAt !== null || unique !== null)) claims.moved()
        if (results.length > 0) hooks.wake('available', told)
        return results
      },
      claim: (request) => fuse.claim(request),
      async settle(settlements) {
        if (settlements.length === 0) return []
        await lanes.ensure(settlements.flatMap((settlement) => (settlement.outcome === 'complete' ? settlement.enqueue : [])))
        const results = await (shared === undefined ? fuse.settle(settlements) : settleNow(settlements))
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
