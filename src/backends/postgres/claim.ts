/** Claims, and the settlements that go out in the same call. */
import type { ClaimRequest, ClaimResult } from '../../contract/backend.js'
import type { ClaimedJob, SettleResult } from '../../contract/job.js'
import type { PriorityRank } from '../../core/state.js'
import { createFloors, type Floors, PRIORITY_COUNT } from './floors.js'
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
type Facts = readonly [now: number, nextAt: number | null, nextSuspectAt: number | null, lanes: readonly Lane[] | null]

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

export function createClaims(session: Session, lanes: Lanes): Claims {
  const { schema } = session
  const floors = createFloors()
  const claimSql = `SELECT * FROM ${schema}.claim_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
  const bothSql = `SELECT * FROM ${schema}.settle_and_claim_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

  /** One call. Null when lanes were missing: they are known now. */
  async function call(
    request: ClaimRequest,
    swept: boolean,
    settle: SettleCall | null,
  ): Promise<{ claimed: ClaimResult | null; answer: string | null }> {
    const startedAt = performance.now()
    if (swept) floors.lift()
    const open = openLanes(lanes.all(), request)
    const values = [session.now(), ...(settle?.values ?? []), ...claimValues(request, open, floors, lanes.all().length)]
    const rows = await session.query<Row>(settle === null ? claimSql : bothSql, values, { lane: 'work' })
    const answer = settle === null ? null : (rows.pop() as Row)[2]
    const facts = JSON.parse((rows.pop() as Row)[2] as string) as Facts
    if (swept) floors.swept(performance.now(), performance.now() - startedAt)
    if (facts[3] === null) return { claimed: resultOf(rows, facts, request), answer }
    lanes.learn(facts[3])
    return { claimed: null, answer }
  }

  function resultOf(rows: Row[], [now, nextAt, nextSuspectAt]: Facts, request: ClaimRequest): ClaimResult {
    rows.sort((a, b) => a[4] - b[4] || a[5] - b[5] || a[0] - b[0])
    if (!request.alone) for (const [, , , lane, priority, runAt] of rows) floors.claimed(lane, priority, runAt)
    return {
      jobs: rows.map((row) => claimedOf(row, lanes, now, request.alone)),
      nextDueInMs: nextAt === null ? null : Math.max(0, nextAt - now),
      suspectsWait: nextSuspectAt !== null && nextSuspectAt <= now,
    }
  }

  async function claim(request: ClaimRequest): Promise<ClaimResult> {
    const swept = floors.sweepDue(performance.now())
    let { claimed } = await call(request, swept, null)
    claimed ??= (await call(request, swept, null)).claimed
    if (claimed === null) return { jobs: [], nextDueInMs: 0, suspectsWait: false }
    return claimed.jobs.length === 0 && !swept ? sweepAfter(request, claimed) : claimed
  }

  /** Nothing was found above the floors: that is no answer while a look below them is to be had. */
  async function sweepAfter(request: ClaimRequest, claimed: ClaimResult): Promise<ClaimResult> {
    if (request.alone || !floors.sweepAllowed(performance.now())) return claimed
    return (await call(request, true, null)).claimed ?? claimed
  }

  return {
    claim,
    async settleAndClaim(settle, request) {
      const swept = floors.sweepDue(performance.now())
      const { claimed, answer } = await call(request, swept, settle)
      const results = settle.resultsOf(answer)
      if (claimed === null || (claimed.jobs.length === 0 && !swept)) return { results, claimed: await claim(request) }
      return { results, claimed }
    },
    moved: floors.lift,
  }
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
    arrayOf(open.flatMap(({ lane }) => floors.of(lane[0]).slice(0, PRIORITY_COUNT))),
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
