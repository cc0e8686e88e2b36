/** Handing out work: the most urgent, then oldest, of the jobs in the lanes that a worker serves. */
import type { ClaimRequest } from '../../contract/backend.js'
import { PRIORITIES } from '../../core/state.js'
import type { StoreContext } from './context.js'
import { type Candidate, createHandOut, type OpenLane } from './hand-out.js'
import type { EndLate } from './late.js'
import { READY, RUNNING, SUSPECT } from './rows.js'
import { packed, type WireClaims, type WireLane } from './wire.js'
import { createLiveWorkers } from './worker-numbers.js'

/** A quarter of the workers may be kept from other work by a suspect. */
const ALONE_SHARE = 4

export interface WireClaimResult {
  readonly batches: readonly WireClaims[]
  readonly lanes: readonly WireLane[]
  readonly claimedAt: number
  readonly nextDueInMs: number | null
  readonly suspectsWait: boolean
}

export interface Claim {
  (request: ClaimRequest): WireClaimResult
  /** The answer when there is nothing to claim, found by reading alone; null when there is something. */
  peek(request: ClaimRequest): WireClaimResult | null
}

export function createClaim(context: StoreContext, endLate: EndLate): Claim {
  const { connection } = context
  const liveNumber = createLiveWorkers(connection)
  const handOut = createHandOut(context, endLate)
  const lanesOf = createOpenLanes(context)
  const heads = createHeads(context)

  function result(request: ClaimRequest, lanes: readonly OpenLane[], now: number, batches: WireClaims[]): WireClaimResult {
    const slotsFree = !heads.anySuspect() || heads.aloneSlotsFree(now)
    const next = request.alone ? (slotsFree ? heads.nextSuspectAt(lanes) : null) : heads.nextReadyAt(lanes, now)
    return {
      batches,
      lanes: batches.length === 0 ? [] : packed(lanes, ({ lane }) => lane),
      claimedAt: now,
      nextDueInMs: next === null ? null : Math.max(0, next - now),
      suspectsWait: heads.anySuspect() && slotsFree && (heads.nextSuspectAt(lanes) ?? now + 1) <= now,
    }
  }

  const claim = (request: ClaimRequest): WireClaimResult => {
    const now = context.now()
    const worker = liveNumber(request.workerId)
    if (worker === null) return nothing(now)
    const lanes = lanesOf(request)
    const batches: WireClaims[] = []
    if (request.alone) {
      const wanted = request.limit > 0 && heads.aloneSlotsFree(now) ? heads.dueSuspects(lanes, now, 1) : []
      handOut(wanted, { request, worker, now }, batches)
      return result(request, lanes, now, batches)
    }
    let count = 0
    const left = new Map(request.queues)
    for (let priority = 0; priority < PRIORITIES.length && count < request.limit; priority += 1) {
      // Jobs that turn out to be past their deadline leave room: look again until the room is filled or nothing is due.
      for (;;) {
        const room = request.limit - count
        const wanted = withinCaps(heads.due(lanes, priority, now, room, left), room, left)
        if (wanted.length === 0) break
        const taken = handOut(wanted, { request, worker, now }, batches)
        for (const { open } of taken) spend(left, open.lane[1])
        count += taken.length
        if (taken.length === wanted.length || count >= request.limit) break
      }
    }
    return result(request, lanes, now, batches)
  }

  const peek = (request: ClaimRequest): WireClaimResult | null => {
    const now = context.now()
    if (liveNumber(request.workerId) === null) return nothing(now)
    const answer = result(request, lanesOf(request), now, [])
    return answer.nextDueInMs === 0 && request.limit > 0 ? null : answer
  }

  return Object.assign(claim, { peek })
}

const nothing = (now: number): WireClaimResult => ({ batches: [], lanes: [], claimedAt: now, nextDueInMs: null, suspectsWait: false })

const spend = (left: Map<string, number>, queue: string): void => {
  left.set(queue, (left.get(queue) ?? 0) - 1)
}

/** The first `limit` by run time, then by arrival, of which no queue gives more than it has left. */
function withinCaps(candidates: Candidate[], limit: number, left: ReadonlyMap<string, number>): Candidate[] {
  const room = new Map(left)
  const chosen: Candidate[] = []
  for (const candidate of candidates) {
    if (chosen.length >= limit) break
    const queue = candidate.open.lane[1]
    if ((room.get(queue) ?? 0) <= 0) continue
    spend(room, queue)
    chosen.push(candidate)
  }
  return chosen
}

/** Which lanes a request may take from: queue served and not paused, kind handled, version known. */
function createOpenLanes(context: StoreContext): (request: ClaimRequest) => OpenLane[] {
  const paused = context.connection.prepare<[string]>('SELECT queue FROM kerja_paused_queues')
  return (request) => {
    const pausedQueues = new Set(paused.rows().map(([queue]) => queue))
    const kinds = new Map(request.kinds.map((kind) => [kind.kind, kind]))
    const open: OpenLane[] = []
    for (const lane of context.lanes.all()) {
      const [, queue, kindName, version] = lane
      const kind = kinds.get(kindName)
      if (kind === undefined || kind.version < version || (request.queues.get(queue) ?? 0) <= 0 || pausedQueues.has(queue)) continue
      open.push({ lane, leaseMs: kind.leaseMs })
    }
    return open
  }
}

/** Seeks at the heads of lanes. None of them reads more rows than it answers, however many jobs wait. */
function createHeads(context: StoreContext) {
  const { connection } = context
  const READY_INDEX = 'kerja_jobs INDEXED BY kerja_jobs_ready'
  const anyReady = connection.prepare(`SELECT 1 FROM ${READY_INDEX} WHERE state = ${READY} AND lane = ? LIMIT 1`)
  const firstReady = connection.prepare<[number]>(
    `SELECT run_at FROM ${READY_INDEX} WHERE state = ${READY} AND lane = ? AND priority = ? ORDER BY run_at LIMIT 1`,
  )
  const dueReady = connection.prepare<[number, number]>(
    `SELECT seq, run_at FROM ${READY_INDEX} WHERE state = ${READY} AND lane = ? AND priority = ? AND run_at <= ? ORDER BY run_at, seq LIMIT ?`,
  )
  const someSuspect = connection.prepare(`SELECT 1 FROM kerja_jobs INDEXED BY kerja_jobs_suspect WHERE state = ${SUSPECT} LIMIT 1`)
  const suspects = connection.prepare<[number, number, number]>(
    `SELECT seq, run_at, priority FROM kerja_jobs INDEXED BY kerja_jobs_suspect WHERE state = ${SUSPECT} AND lane = ? AND run_at <= ?
      ORDER BY priority, run_at, seq LIMIT ?`,
  )
  const firstSuspect = connection.prepare<[number]>(
    `SELECT run_at FROM kerja_jobs INDEXED BY kerja_jobs_suspect WHERE state = ${SUSPECT} AND lane = ? ORDER BY run_at LIMIT 1`,
  )
  const aloneCount = connection.prepare<[number]>(
    `SELECT count(*) FROM kerja_jobs INDEXED BY kerja_jobs_running WHERE state = ${RUNNING} AND alone = 1`,
  )
  const liveCount = connection.prepare<[number]>('SELECT count(*) FROM kerja_workers WHERE died_at IS NULL AND ? - heartbeat_at <= lease_ms')

  return {
    due(lanes: readonly OpenLane[], priority: number, now: number, limit: number, left: ReadonlyMap<string, number>): Candidate[] {
      const found: Candidate[] = []
      for (const open of lanes) {
        const room = Math.min(limit, left.get(open.lane[1]) ?? 0)
        if (room <= 0) continue
        for (const [seq, runAt] of dueReady.rows(open.lane[0], priority, now, room)) found.push({ seq, runAt, priority, open })
      }
      return lanes.length === 1 ? found : found.sort((a, b) => a.runAt - b.runAt || a.seq - b.seq)
    },
    /** The earliest run time in these lanes; stops at the first that is due. */
    nextReadyAt(lanes: readonly OpenLane[], now: number): number | null {
      let next: number | null = null
      for (const { lane } of lanes) {
        if (anyReady.row(lane[0]) === undefined) continue
        for (let priority = 0; priority < PRIORITIES.length; priority += 1) {
          const runAt = firstReady.row(lane[0], priority)?.[0]
          if (runAt === undefined) continue
          if (next === null || runAt < next) next = runAt
          if (next <= now) return next
        }
      }
      return next
    },
    anySuspect: () => someSuspect.row() !== undefined,
    nextSuspectAt(lanes: readonly OpenLane[]): number | null {
      const times = lanes.map(({ lane }) => firstSuspect.row(lane[0])?.[0]).filter((runAt) => runAt !== undefined)
      return times.length === 0 ? null : Math.min(...times)
    },
    dueSuspects(lanes: readonly OpenLane[], now: number, limit: number): Candidate[] {
      const found = lanes.flatMap((open) => suspects.rows(open.lane[0], now, limit).map(([seq, runAt, priority]) => ({ seq, runAt, priority, open })))
      return found.sort((a, b) => a.priority - b.priority || a.runAt - b.runAt || a.seq - b.seq).slice(0, limit)
    },
    aloneSlotsFree(now: number): boolean {
      const slots = Math.max(1, Math.floor((liveCount.row(now)?.[0] ?? 0) / ALONE_SHARE))
      return (aloneCount.row()?.[0] ?? 0) < slots
    },
  }
}
