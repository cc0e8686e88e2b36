/**
 * A claim: receive, look at each job, keep what the worker can run now. The rest goes on its way in a new message: what is not due waits on, what
 * this worker cannot run comes back later, a suspect goes where only claims for suspects look. Nothing is held that nobody runs.
 */
import type { ClaimRequest, ClaimResult, Queue } from '../../../contract/backend.js'
import type { ClaimedJob } from '../../../contract/job.js'
import { PRIORITIES, type PriorityRank } from '../../../core/state.js'
import type { Notices } from '../notices.js'
import type { Carrier, Ending, Parcel } from './carrier.js'
import { claimedOf, isSuspect, type LoneJob, nextMessage, readJob, SUSPECTS_RANK, suspectsOf } from './lone-job.js'
import type { SuspectWatch } from './suspects.js'

export interface ClaimParts {
  readonly carrier: Pick<Carrier, 'receive' | 'hold' | 'end'>
  readonly now: () => number
  readonly suspects: SuspectWatch
  readonly notices: Notices
  readonly location: string
  /** These are a worker's now. */
  readonly onClaimed: (jobs: readonly LoneJob[]) => void
}

/** Messages that one claim looks through. */
const MESSAGES_MAX = 1_000
/** A job that this worker cannot run comes back after as long as it has waited already, within these: soon while a deployment is under way, seldom after it. */
const STRANGE_MS_MIN = 1_000
const STRANGE_MS_MAX = 300_000
const RANKS = [...PRIORITIES.keys()] as readonly PriorityRank[]
const ONE_SUSPECT = Object.freeze({ limit: 1, ranks: [SUSPECTS_RANK] })
const NOTHING: ClaimResult = Object.freeze({ jobs: [], nextDueInMs: null, suspectsWait: false })

/** What becomes of a received message. */
type Verdict = { readonly take: LoneJob } | { readonly ending: Ending }

export function createClaim(parts: ClaimParts): Queue['claim'] {
  const { carrier, now, suspects, onClaimed } = parts
  /** What could not be sent on: it is held until it can. */
  let stuck: readonly Ending[] = []

  async function sendOn(endings: readonly Ending[]): Promise<unknown> {
    const all = [...stuck, ...endings]
    stuck = []
    if (all.length === 0) return null
    const results = await carrier.end(all)
    stuck = all.filter((_, index) => typeof results[index] !== 'string')
    return results.find((result) => typeof result !== 'string') ?? null
  }

  async function hold(jobs: readonly LoneJob[], { workerId, kinds, alone }: ClaimRequest): Promise<ClaimedJob[]> {
    const claimedAt = now()
    const leases = new Map(kinds.map(({ kind, leaseMs }) => [kind, leaseMs]))
    const claims = jobs.map((job) => claimedOf(job, claimedAt, alone))
    const held = await carrier.hold(
      claims.map(({ jobId, token, kind, handle }) => ({ number: handle as number, jobId, token, workerId, leaseMs: leases.get(kind) ?? null })),
    )
    onClaimed(jobs.filter((_, index) => held[index]))
    return claims.filter((_, index) => held[index])
  }

  return async (request) => {
    const { limit, alone } = request
    const room = new Map([...request.queues].filter(([, own]) => own > 0))
    if (limit <= 0 || room.size === 0) return NOTHING
    const taken: LoneJob[] = []
    let lookedCount = 0
    let isExhausted = false
    let failure: unknown = await sendOn([])
    while (failure === null && !isExhausted && lookedCount < MESSAGES_MAX && taken.length < limit && room.size > 0) {
      const queues = [...room].map(([name, own]) => [alone ? suspectsOf(name) : name, own] as const)
      try {
        const received = await carrier.receive({ queues, ...(alone ? ONE_SUSPECT : { limit: limit - taken.length, ranks: RANKS }) })
        isExhausted = received.isExhausted
        lookedCount += received.parcels.length
        const verdicts = received.parcels.map((parcel) => judge(parcel, request, parts))
        const runnable = verdicts.flatMap((verdict) => ('take' in verdict ? [verdict.take] : []))
        for (const { envelope } of runnable) useRoom(room, envelope.job.queue)
        taken.push(...runnable)
        failure = await sendOn(verdicts.flatMap((verdict) => ('ending' in verdict ? [verdict.ending] : [])))
      } catch (error) {
        failure = error
      }
      if (alone && taken.length > 0) break
    }
    // What was taken is not kept back for a failure further on: the next call meets it again.
    if (taken.length === 0 && failure !== null) throw failure
    const jobs = taken.length === 0 ? [] : await hold(taken, request)
    const suspectsWait = await suspects.wait([...request.queues.keys()], alone)
    return { jobs: jobs.sort(byUrgency), nextDueInMs: isExhausted ? null : 0, suspectsWait }
  }
}

function useRoom(room: Map<string, number>, queue: string): void {
  const left = (room.get(queue) ?? 0) - 1
  if (left > 0) room.set(queue, left)
  else room.delete(queue)
}

function judge(parcel: Parcel, request: ClaimRequest, { now, suspects, notices, location }: ClaimParts): Verdict {
  const { number, queue } = parcel
  const at = now()
  const job = readJob(parcel, at)
  const aside = (asideReason: string): Verdict => {
    notices.warn('a message was set aside', {
      broker: location,
      queue,
      reason: asideReason,
      jobId: 'envelope' in job ? job.envelope.job.id : undefined,
    })
    return { ending: { number, send: [], asideReason } }
  }
  const sendOn = (of: LoneJob, delayMs: number): Verdict => {
    return { ending: { number, send: [nextMessage(of, delayMs)], asideReason: null } }
  }
  if ('reason' in job) return aside(job.reason)
  const { envelope, past, failed, startBy, giveUpAt } = job
  const { id, kind, version } = envelope.job
  if (failed !== null) return aside(failed)
  if (giveUpAt !== null && giveUpAt < at) return aside('gave-up')
  if (startBy !== null && startBy < at) {
    notices.info('a job was not started in time and is cancelled', { broker: location, jobId: id, kind })
    return { ending: { number, send: [], asideReason: null } }
  }
  if (past.runAt > at) return sendOn(job, past.runAt - at)
  const known = request.kinds.find((served) => served.kind === kind)
  const isStrange = known === undefined || version > known.version
  if (isStrange) return sendOn(job, Math.min(Math.max(at - past.runAt, STRANGE_MS_MIN), STRANGE_MS_MAX))
  if (isSuspect(job) && !request.alone) {
    suspects.sent(envelope.job.queue)
    return sendOn(job, 0)
  }
  return { take: job }
}

const byUrgency = (one: ClaimedJob, other: ClaimedJob): number =>
  one.priority - other.priority || one.runAt - other.runAt || one.createdAt - other.createdAt || (one.jobId < other.jobId ? -1 : 1)
