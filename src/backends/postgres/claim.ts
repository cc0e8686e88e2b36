/** Claims, and the settlements that go out in the same call. */
import type { ClaimRequest, ClaimResult } from '../../contract/backend.js'
import type { ClaimedJob, SettleResult } from '../../contract/job.js'
import type { PriorityRank } from '../../core/state.js'
import { createFloors, type Floors } from './floors.js'
import type { Lane, Lanes } from './lanes.js'
import { decodeTags, decodeTick } from './rows.js'
import type { Session } from './session.js'
import type { Handle, SettleCall } from './settle.js'
import { arrayOf, decodeText } from './text.js'

type Row = readonly [
  seq: number,
  id: string | null,
  payload: string | null,
  lane: number,
  priority: number,
  runAt: number,
  createdAt: number,
  maxAttempts: number,
  rare: string | null,
]
type Rare = readonly [
  token: number,
  attempt: number,
  crashCount: number,
  giveUpAt: number | null,
  group: string | null,
  tags: string | null,
  parent: string | null,
  tickSchedule: string | null,
  tickAt: number | null,
]
const COMMON: Rare = Object.freeze([0, 0, 0, null, null, null, null, null, null] as const)
type Facts = readonly [now: number, nextAt: number | null, nextSuspectAt: number | null, lanes: readonly Lane[] | null, tookMs: number]

interface OpenLane {
  readonly lane: Lane
  readonly leaseMs: number | null
}

export interface Claims {
  claim(request: ClaimRequest): Promise<ClaimResult>
  /** Both in one transaction, the settlements first. The claim may come back as if nothing waited: ask again. */
  settleAndClaim(settle: SettleCall, request: ClaimRequest): Promise<{ readonly results: SettleResult[]; readonly claimed: ClaimResult }>
  /** Jobs went to places that a claim may have passed. */
  moved(): void
}

/** `lookAgain`: workers of this process are to claim once more. */
export function createClaims(session: Session, lanes: Lanes, lookAgain: () => void): Claims {
  const { schema } = session
  const floors = createFloors()
  const claimSql = `SELECT * FROM ${schema}.claim_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
  const bothSql = `SELECT * FROM ${schema}.settle_and_claim_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

  /** One call. Nothing is claimed when lanes were missing: they are known now. */
  async function call(request: ClaimRequest, settle: SettleCall | null, sweep: boolean): Promise<Call> {
    const swept = request.alone || sweep || floors.sweepDue(performance.now())
    const round = swept && !request.alone ? floors.lift() : floors.round()
    const open = openLanes(lanes.all(), request)
    const values = [session.now(), ...(settle?.values ?? []), ...claimValues(request, open, floors, lanes.all().length)]
    const rows = await session.query<Row>(settle === null ? claimSql : bothSql, values, { lane: 'work' })
    const answer = settle === null ? null : (rows.pop() as Row)[2]
    const [now, nextAt, nextSuspectAt, allLanes, tookMs] = JSON.parse((rows.pop() as Row)[2] as string) as Facts
    if (allLanes !== null) {
      lanes.learn(allLanes)
      return { claimed: null, answer, swept }
    }
    rows.sort((a, b) => a[4] - b[4] || a[5] - b[5] || a[0] - b[0])
    if (!request.alone) {
      for (const [seq, , , lane, priority, runAt] of rows) floors.claimed(round, lane, priority, runAt, seq)
      floors.came(rows.length >= request.limit)
      if (swept) floors.swept(performance.now(), tookMs)
    }
    return {
      claimed: {
        jobs: rows.map((row) => claimedOf(row, lanes, now, request.alone)),
        nextDueInMs: nextAt === null ? null : Math.max(0, nextAt - now),
        suspectsWait: nextSuspectAt !== null && nextSuspectAt <= now,
      },
      answer,
      swept,
    }
  }

  /**
   * What a claim that came back short above the floors says about what waits is no answer while a look below them is to be had. Jobs that were found
   * do not wait for that look: it is the next claim's, which is asked for. Never rejects: what was settled with it must come back.
   */
  async function complete(request: ClaimRequest, { claimed, swept }: Call): Promise<ClaimResult> {
    const found = claimed ?? LANES_WERE_MISSING
    if (claimed !== null && (swept || found.jobs.length >= request.limit || !floors.sweepAllowed(performance.now()))) return found
    if (found.jobs.length > 0) {
      lookAgain()
      return found
    }
    try {
      return (await call(request, null, true)).claimed ?? found
    } catch {
      // The next claim meets the same trouble, and tells it.
      return found
    }
  }

  return {
    claim: async (request) => complete(request, await call(request, null, false)),
    async settleAndClaim(settle, request) {
      const both = await call(request, settle, false)
      return { results: settle.resultsOf(both.answer), claimed: await complete(request, both) }
    },
    moved: () => void floors.lift(),
  }
}

/** The lanes are known now: the next claim sees what waits in them. */
const LANES_WERE_MISSING: ClaimResult = Object.freeze({ jobs: [], nextDueInMs: 0, suspectsWait: false })

interface Call {
  readonly claimed: ClaimResult | null
  readonly answer: string | null
  readonly swept: boolean
}

/** Which lanes a request may take from: queue served, kind handled, version known. Pauses are the database's to see. */
function openLanes(all: readonly Lane[], request: ClaimRequest): OpenLane[] {
  const kinds = new Map(request.kinds.map((kind) => [kind.kind, kind]))
  const open: OpenLane[] = []
  for (const lane of all) {
    const [, queue, kindName, version] = lane
    const kind = kinds.get(kindName)
    if (kind === undefined || kind.version < version || (request.queues.get(queue) ?? 0) <= 0) continue
    open.push({ lane, leaseMs: kind.leaseMs })
  }
  return open
}

function claimValues(request: ClaimRequest, open: readonly OpenLane[], floors: Floors, laneCount: number): readonly unknown[] {
  const queues = [...new Set(open.map(({ lane }) => lane[1]))]
  const positions = new Map(queues.map((queue, index) => [queue, index + 1]))
  return [
    request.workerId,
    request.limit,
    request.alone,
    Math.ceil(request.expiredRetentionMs),
    arrayOf(open.map(({ lane }) => lane[0])),
    arrayOf(open.map(({ leaseMs }) => (leaseMs === null ? null : Math.ceil(leaseMs)))),
    arrayOf(open.map(({ lane }) => positions.get(lane[1]) as number)),
    arrayOf(queues.map((queue) => Math.min(request.queues.get(queue) ?? 0, request.limit))),
    arrayOf(open.flatMap(({ lane }) => floors.of(lane[0]))),
    laneCount,
  ]
}

function claimedOf(row: Row, lanes: Lanes, claimedAt: number, alone: boolean): ClaimedJob {
  const [seq, id, payload, laneId, priority, runAt, createdAt, maxAttempts, rare] = row
  const [token, attempt, crashCount, giveUpAt, group, tags, parentId, tickSchedule, tickAt] = rare === null ? COMMON : (JSON.parse(rare) as Rare)
  const [, queue, kind, version] = lanes.find(laneId)
  const jobId = id as string
  return {
    jobId,
    token: token + 1,
    handle: [seq, jobId] satisfies Handle,
    kind,
    version,
    queue,
    priority: priority as PriorityRank,
    payload: decodeText(payload as string),
    attempt: attempt + 1,
    maxAttempts,
    crashCount,
    alone,
    createdAt,
    runAt,
    claimedAt,
    giveUpAt,
    group: group === null ? null : decodeText(group),
    tags: decodeTags(tags),
    parentId,
    tick: decodeTick(tickSchedule, tickAt),
  }
}
