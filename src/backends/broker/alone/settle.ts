/**
 * The end of a claim. What goes on (a retry, a snooze, a release, the jobs of a completion) is a new message, stored before the old one is let go: a
 * crash between the two leaves both, and the job runs once more. What failed or cannot be read goes to the dead queue with its reason.
 */
import type { Queue } from '../../../contract/backend.js'
import type { JobFailure, LeaseRef, Settlement, SettleResult } from '../../../contract/job.js'
import type { KerjaError } from '../../../errors.js'
import type { Carrier, Ending, EndResult } from './carrier.js'
import { type LoneJob, nextMessage, type Past } from './lone-job.js'
import type { DelayedMessage } from './lone-transport.js'
import type { Sending } from './push.js'
import type { Unsupported } from './unsupported.js'

export interface SettleParts {
  readonly carrier: Pick<Carrier, 'end'>
  readonly sending: Sending
  readonly now: () => number
  readonly unsupported: Unsupported
}

export interface Settling {
  readonly settle: Queue['settle']
  /** Claims of this process begin. */
  claimed(jobs: readonly LoneJob[]): void
}

export function createSettling(parts: SettleParts): Settling {
  const { carrier, unsupported } = parts
  /** By the number of the message; one that is being ended is none. */
  const claims = new Map<number, LoneJob>()
  /** Settlements of a call that failed for others of them: the answer for when they are asked again. */
  const answered = new Map<string, SettleResult>()

  /** A claim whose answer was lost on the way is given back by whoever knows its job and its token only. */
  function find({ jobId, token, handle }: LeaseRef): LoneJob | undefined {
    const isMeant = (job: LoneJob | undefined): boolean => job?.envelope.job.id === jobId && job.past.token + 1 === token
    if (typeof handle !== 'number') return [...claims.values()].find(isMeant)
    const job = claims.get(handle)
    return isMeant(job) ? job : undefined
  }

  /** @throws {UNSUPPORTED} a job of a completion is one that the broker cannot keep; nothing has been done then */
  function plan(settlements: readonly Settlement[]): (Planned | SettleResult)[] {
    const seen = new Set<LoneJob>()
    return settlements.map((settlement) => {
      const job = find(settlement.lease)
      // Of two settlements of one claim the first counts.
      if (job === undefined || seen.has(job)) return answered.get(keyOf(settlement.lease)) ?? 'lost'
      seen.add(job)
      return { job, ending: endingOf(settlement, job, parts) }
    })
  }

  /** What became of each. One that failed is a claim still. */
  async function endAll(planned: readonly Planned[]): Promise<Map<Planned, SettleResult | KerjaError>> {
    const results = new Map<Planned, SettleResult | KerjaError>()
    const left = new Set(planned)
    for (const { job } of planned) claims.delete(job.parcel.number)
    try {
      const ends = planned.length === 0 ? [] : await carrier.end(planned.map(({ ending }) => ending))
      planned.forEach((one, index) => {
        const end = ends[index] as EndResult
        results.set(one, end === 'ended' ? 'settled' : end)
        if (typeof end === 'string') left.delete(one)
      })
      return results
    } finally {
      for (const { job } of left) claims.set(job.parcel.number, job)
    }
  }

  return {
    claimed(jobs) {
      for (const job of jobs) claims.set(job.parcel.number, job)
    },
    async settle(settlements, options) {
      if (options?.tx !== undefined) throw unsupported('join a transaction')
      const planned = plan(settlements)
      const ends = await endAll(planned.filter((one) => typeof one === 'object'))
      const results = planned.map((one) => (typeof one === 'object' ? (ends.get(one) as SettleResult | KerjaError) : one))
      const failure = results.find((result) => typeof result === 'object')
      settlements.forEach(({ lease }, index) => {
        const result = results[index]
        if (failure === undefined) answered.delete(keyOf(lease))
        else if (typeof result === 'string') answered.set(keyOf(lease), result)
      })
      if (failure !== undefined) throw failure
      return results as SettleResult[]
    },
  }
}

interface Planned {
  readonly job: LoneJob
  readonly ending: Ending
}

const keyOf = ({ jobId, token }: LeaseRef): string => `${jobId} ${token}`

function endingOf(settlement: Settlement, job: LoneJob, { sending, now }: SettleParts): Ending {
  const { number } = job.parcel
  const { token, attempt, crashCount, runAt } = job.past
  const ending = (send: readonly DelayedMessage[], asideReason: string | null = null): Ending => ({ number, send, asideReason })
  const again = (past: Partial<Past>, delayMs = 0): Ending =>
    ending([nextMessage(job, delayMs, { token: token + 1, attempt, crashCount, runAt, ...past })])
  switch (settlement.outcome) {
    case 'complete':
      return ending(settlement.enqueue.map((next) => sending.messageFor(next)))
    case 'cancel':
      return ending([])
    case 'retry':
      return again({ attempt: attempt + 1, runAt: now() + settlement.delayMs }, settlement.delayMs)
    case 'snooze':
      return again({ runAt: now() + settlement.delayMs }, settlement.delayMs)
    case 'release':
      return again({})
    case 'crash':
      return again({ crashCount: crashCount + 1, attempt: settlement.burn ? attempt + 1 : attempt })
    case 'fail':
    case 'hold':
      return ending([], reasonOf(settlement.reason, settlement.failure))
  }
}

const reasonOf = (reason: string, { name, message }: JobFailure): string => `${reason}: ${name}: ${message}`
