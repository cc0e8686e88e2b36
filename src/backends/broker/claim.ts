/**
 * A claim: check out as much as the worker can take and the state does not have yet, then claim in the state.
 *
 * What the state has is not counted, which would be a call more. It follows from the claims: a job that was checked out here and not claimed yet is
 * there; and while claims bring jobs that came from elsewhere and leave more, the state has plenty, and only a share is fetched, so that what waits
 * in the broker has its turn too.
 */
import type { ClaimRequest, ClaimResult, Queue } from '../../contract/backend.js'
import type { CheckOut } from './check-out.js'
import { type Fetched, fetch } from './fetch.js'
import type { Gate } from './gate.js'
import type { StateClock } from './state-clock.js'
import { within } from './within.js'

export interface ClaimParts {
  readonly queue: Pick<Queue, 'claim'>
  readonly checkOut: CheckOut
  readonly gate: Gate
  readonly stateClock: StateClock
}

/** While the state has plenty, one job in so many comes from the broker. */
const SHARE = 4
/** So long a claim waits for the broker before it looks what the state has. */
const PATIENCE_MS = 1_000
const LOOKS_MAX = 5
/** Of one claim: whatever is left then is for the next. */
const ROUNDS_MAX = 5
const NOTHING: Fetched = Object.freeze({ runnable: [], others: [], isExhausted: false })

interface Round extends ClaimResult {
  /** The broker has no more for this request. */
  readonly isExhausted: boolean
  /** Nothing came of what was fetched: it may not run, or others were faster. */
  readonly isFruitless: boolean
}

export function createClaim({ queue, checkOut, gate, stateClock }: ClaimParts): Queue['claim'] {
  /** Checked out here for some claim, and not seen claimed. */
  const waiting = new Set<string>()
  let hasPlenty = false
  let overdue: Promise<Fetched> | null = null

  /** What a claim says about the jobs that wait in the state. */
  function learn({ jobs, nextDueInMs }: ClaimResult, { runnable, others }: Fetched): void {
    for (const { jobId } of runnable) waiting.add(jobId)
    for (const job of others) gate.noteHeld(job.queue)
    const foreignCount = jobs.filter(({ jobId }) => !waiting.delete(jobId)).length
    hasPlenty = nextDueInMs === 0 && foreignCount > jobs.length / 2
    if (nextDueInMs === 0) return
    // None is left. Where nothing came of what was fetched, the queue may have been paused meanwhile.
    const came = new Set(jobs.map((job) => job.queue))
    for (const { queue: name } of runnable) if (!came.has(name)) gate.doubt(name)
    waiting.clear()
  }

  /** One that takes long goes on by itself, and later claims wait for it too: its jobs will be the state's. */
  function start(request: ClaimRequest, open: readonly string[], wanted: number): Promise<Fetched> {
    if (overdue !== null) return overdue
    const asked = { request, open, wanted, now: stateClock.now() }
    return checkOut.during(() => fetch(checkOut, asked))
  }

  function isLate(fetching: Promise<Fetched>): void {
    if (overdue === fetching) return
    overdue = fetching
    const over = (): void => {
      overdue = null
    }
    fetching.then(over, over)
  }

  async function round(request: ClaimRequest, open: readonly string[], wanted: number): Promise<Round> {
    const fetching = wanted <= 0 ? null : start(request, open, wanted)
    let fetched: Fetched | null = fetching === null ? NOTHING : null
    for (let look = 1; ; look += 1) {
      if (fetching !== null) fetched = await within(fetching, PATIENCE_MS)
      if (fetching !== null && fetched === null) isLate(fetching)
      const result = await queue.claim(request)
      learn(result, fetched ?? NOTHING)
      if (fetched !== null) return { ...result, isExhausted: fetched.isExhausted, isFruitless: fetched !== NOTHING && result.jobs.length === 0 }
      // A broker that takes its time holds up nothing that the state has.
      if (result.jobs.length > 0 || look === LOOKS_MAX) return { ...result, isExhausted: true, isFruitless: false }
    }
  }

  return async (request) => {
    const { limit } = request
    const served = [...request.queues].filter(([, own]) => own > 0).map(([name]) => name)
    if (request.alone || limit <= 0 || served.length === 0) return queue.claim(request)
    await checkOut.storeKept()
    const [open] = await Promise.all([gate.open(served), stateClock.refresh()])
    // One more than it can take, so that the state knows whether more is left.
    const rounds = [await round(request, open, hasPlenty ? Math.ceil(limit / SHARE) : limit + 1 - waiting.size)]
    for (let left = request; rounds.length < ROUNDS_MAX; ) {
      const last = rounds.at(-1) as Round
      left = lessOf(left, last)
      if (last.isExhausted || last.isFruitless || left.limit === 0) break
      rounds.push(await round(left, open, left.limit + 1))
    }
    return answerOf(request, rounds)
  }
}

/** What a request has left to ask for after an answer. */
function lessOf(request: ClaimRequest, { jobs }: ClaimResult): ClaimRequest {
  const queues = new Map(request.queues)
  for (const { queue } of jobs) queues.set(queue, (queues.get(queue) ?? 1) - 1)
  return { ...request, limit: request.limit - jobs.length, queues }
}

function answerOf(request: ClaimRequest, rounds: readonly Round[]): ClaimResult {
  const { nextDueInMs, suspectsWait, isExhausted } = rounds.at(-1) as Round
  const jobs = rounds.flatMap((round) => round.jobs)
  const isShort = jobs.length < request.limit
  return { jobs, nextDueInMs: isShort && !isExhausted ? 0 : nextDueInMs, suspectsWait }
}
