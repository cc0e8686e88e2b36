/**
 * A claim: check out as much as the worker can take and the state does not have yet, then claim in the state.
 *
 * What the state has is not counted, which would be a call more. It follows from the claims: a job that was checked out here and not claimed yet is
 * there; and while claims bring jobs that came from elsewhere and leave more, the state has plenty, and only a share is received, so that what waits
 * in the broker has its turn too.
 */
import type { ClaimRequest, ClaimResult, Queue } from '../../contract/backend.js'
import type { CarriedJob } from '../../contract/transfer.js'
import type { CheckOut, Received } from './check-out.js'
import type { Gate } from './gate.js'
import type { StateClock } from './state-clock.js'

export interface ClaimParts {
  readonly queue: Pick<Queue, 'claim'>
  readonly checkOut: CheckOut
  readonly gate: Gate
  readonly stateClock: StateClock
}

/** Messages that one claim looks through: some may be jobs that this worker cannot run. */
const MESSAGES_MAX = 1_000
/** While the state has plenty, one job in so many comes from the broker. */
const SHARE = 4

interface Fetched {
  /** Jobs new to the state that the request could claim. */
  readonly runnable: readonly CarriedJob[]
  /** No more could be had. */
  readonly isExhausted: boolean
}

interface Round extends ClaimResult {
  /** The broker has no more for this request. */
  readonly isExhausted: boolean
}

export function createClaim({ queue, checkOut, gate, stateClock }: ClaimParts): Queue['claim'] {
  /** Checked out here for some claim, and not seen claimed. */
  const waiting = new Set<string>()
  let hasPlenty = false

  async function fetch(request: ClaimRequest, open: readonly string[], wanted: number): Promise<Fetched> {
    const isRunnable = createFilter(request, stateClock.now())
    const received: Received[] = []
    const found = new Map(open.map((name) => [name, 0]))
    let left = open
    let foundCount = 0
    while (left.length > 0 && foundCount < wanted && received.length < MESSAGES_MAX) {
      const missing = Math.min(wanted - foundCount, MESSAGES_MAX - received.length)
      const asked = left.map((name) => ({ name, max: Math.min(missing, mostOf(request, name) - (found.get(name) ?? 0)) }))
      const answers = await Promise.all(asked.map(({ name, max }) => checkOut.receive(name, max)))
      left = asked.flatMap(({ name, max }, index) => {
        const { count, received: some } = answers[index] as Awaited<ReturnType<CheckOut['receive']>>
        const runnable = some.filter(({ job }) => isRunnable(job)).length
        received.push(...some)
        foundCount += runnable
        found.set(name, (found.get(name) ?? 0) + runnable)
        // A short answer is all there is, but for one with nothing to run: behind it may be what can be.
        const isEmpty = count === 0 || (count < max && runnable > 0)
        return isEmpty || (found.get(name) ?? 0) >= mostOf(request, name) ? [] : [name]
      })
    }
    const fresh = await checkOut.store(received)
    for (const job of fresh) if (!isRunnable(job)) gate.noteHeld(job.queue, 1)
    return { runnable: fresh.filter(isRunnable), isExhausted: left.length === 0 }
  }

  /** What a claim says about the jobs that wait in the state. */
  function learn({ jobs, nextDueInMs }: ClaimResult, fetched: Fetched): void {
    for (const { jobId } of fetched.runnable) waiting.add(jobId)
    const foreignCount = jobs.filter(({ jobId }) => !waiting.delete(jobId)).length
    if (nextDueInMs !== 0) {
      // None is left. Where nothing came of what was fetched, the queue may have been paused meanwhile.
      const came = new Set(jobs.map((job) => job.queue))
      for (const { queue: name } of fetched.runnable) if (!came.has(name)) gate.doubt(name)
      waiting.clear()
    }
    hasPlenty = nextDueInMs === 0 && foreignCount > jobs.length / 2
  }

  async function round(request: ClaimRequest, open: readonly string[], wanted: number): Promise<Round> {
    const fetched = wanted <= 0 ? { runnable: [], isExhausted: false } : await checkOut.during(() => fetch(request, open, wanted))
    const result = await queue.claim(request)
    learn(result, fetched)
    return { ...result, isExhausted: wanted > 0 && fetched.isExhausted }
  }

  return async (request) => {
    const { limit } = request
    const served = [...request.queues].filter(([, own]) => own > 0).map(([name]) => name)
    if (request.alone || limit <= 0 || served.length === 0) return queue.claim(request)
    await checkOut.storeKept()
    const [open] = await Promise.all([gate.open(served), stateClock.refresh()])
    // One more than it can take: see `mostOf`.
    const first = await round(request, open, hasPlenty ? Math.ceil(limit / SHARE) : limit + 1 - waiting.size)
    if (first.isExhausted || first.jobs.length === limit) return answerOf(request, [first])
    const second = await round(lessOf(request, first), open, limit + 1 - first.jobs.length)
    return answerOf(request, [first, second])
  }
}

/** What one request has left to ask for after an answer. */
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

/** The most that the request takes of a queue, and one more, so that the state knows whether more is left. */
const mostOf = ({ queues }: ClaimRequest, name: string): number => (queues.get(name) ?? 0) + 1

/** Whether the state would hand the job to this request. */
function createFilter({ kinds }: ClaimRequest, now: number): (job: CarriedJob) => boolean {
  const versions = new Map(kinds.map(({ kind, version }) => [kind, version]))
  return ({ kind, version, startBy, giveUpAt }) =>
    version <= (versions.get(kind) ?? 0) && (startBy === null || startBy >= now) && (giveUpAt === null || giveUpAt >= now)
}
