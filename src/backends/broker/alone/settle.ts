/**
 * The end of a claim. What goes on (a retry, a snooze, a release, the jobs of a completion) is a new message, stored before the old one is let go: a
 * crash between the two leaves both, and the job runs once more. What failed or cannot be read goes to the dead queue with its reason.
 */
import type { Queue } from '../../../contract/backend.js'
import type { JobFailure, LeaseRef, Settlement, SettleResult } from '../../../contract/job.js'
import type { Carrier, Ending } from './carrier.js'
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
  /** By the number of the message. */
  const claims = new Map<number, LoneJob>()
  /** Of calls that failed for others of their settlements: the answer for when these are asked again. */
  const answered = new Map<string, SettleResult>()

  /** A claim whose answer was lost on the way is given back by whoever knows its job and its token only. */
  function find({ jobId, token, handle }: LeaseRef): LoneJob | undefined {
    const isMeant = (job: LoneJob | undefined): boolean => job?.envelope.job.id === jobId && job.past.token + 1 === token
    if (typeof handle !== 'number') return [...claims.values()].find(isMeant)
    const job = claims.get(handle)
    return isMeant(job) ? job : undefined
  }

  return {
    claimed(jobs) {
      for (const job of jobs) claims.set(job.parcel.number, job)
    },
    async settle(settlements, options) {
      if (options?.tx !== undefined) throw unsupported('join a transaction')
      const endings: Ending[] = []
      const seen = new Set<number>()
      const planned = settlements.map((settlement): SettleResult | number => {
        const job = find(settlement.lease)
        // Of two settlements of one claim the first counts.
        if (job === undefined || seen.has(job.parcel.number)) return answered.get(keyOf(settlement.lease)) ?? 'lost'
        seen.add(job.parcel.number)
        return endings.push(endingOf(settlement, job, parts)) - 1
      })
      const ends = endings.length === 0 ? [] : await carrier.end(endings)
      const results = planned.map((place) => (typeof place === 'string' ? place : resultOf(ends[place])))
      for (const [index, end] of ends.entries()) if (typeof end === 'string') claims.delete((endings[index] as Ending).number)
      const failure = results.find((result) => typeof result !== 'string')
      for (const [index, { lease }] of settlements.entries()) {
        const result = results[index]
        if (failure !== undefined && typeof result === 'string') answered.set(keyOf(lease), result)
        else answered.delete(keyOf(lease))
      }
      if (failure !== undefined) throw failure
      return results as readonly SettleResult[]
    },
  }
}

const keyOf = ({ jobId, token }: LeaseRef): string => `${jobId} ${token}`
const resultOf = (end: Awaited<ReturnType<Carrier['end']>>[number] | undefined): SettleResult | Error =>
  end === 'ended' ? 'settled' : typeof end === 'object' ? end : 'lost'

/** @throws {UNSUPPORTED} a job of a completion is one that the broker cannot promise */
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
