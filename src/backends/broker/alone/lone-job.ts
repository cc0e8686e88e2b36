/**
 * A job as a broker alone carries it: the envelope that brokers with a state carry too, and beside it, once somebody has claimed the job, `past`:
 * how often, and how it went. So a retry, which is a new message, goes on with the count.
 */
import { carriedOf, type Envelope } from '../../../contract/envelope.js'
import type { ClaimedJob, NewJob } from '../../../contract/job.js'
import { DEFAULTS } from '../../../core/options.js'
import { decideLapse } from '../../../core/retry.js'
import { type PriorityRank, SUSPECT_CRASH_COUNT } from '../../../core/state.js'
import { isPlain, messageOf, readEnvelope } from '../message.js'
import type { Parcel } from './carrier.js'
import type { DelayedMessage } from './lone-transport.js'

export interface Past {
  /** Claims so far. */
  readonly token: number
  readonly attempt: number
  readonly crashCount: number
  readonly runAt: number
}

export interface LoneJob {
  readonly parcel: Parcel
  readonly envelope: Envelope
  readonly past: Past
  /** The deliveries that were lost are too many: why it fails. */
  readonly failed: string | null
  /** Null: no limit, or it was started in time. */
  readonly startBy: number | null
  readonly giveUpAt: number | null
}

/** The job of a message with the deliveries that were lost counted in, or why it is none. */
export function readJob(parcel: Parcel, now: number): LoneJob | { readonly reason: string } {
  const read = readEnvelope(parcel)
  if ('reason' in read) return read
  const { envelope, value } = read
  const job = carriedOf(envelope)
  // The clock of its producer may be ahead, but it is due.
  const runAt = isPlain(envelope.job) ? Math.min(job.runAt, now) : job.runAt
  const fresh: Past = { token: 0, attempt: 0, crashCount: 0, runAt }
  const past = 'past' in value ? pastOf(value.past) : fresh
  if (past === null) return { reason: 'its envelope is damaged' }
  // Beside others nobody runs a suspect: what was lost there from then on was received and not run.
  const mayRun = parcel.queue === suspectsOf(envelope.job.queue) ? parcel.lostCount : Math.max(0, SUSPECT_CRASH_COUNT - past.crashCount)
  const lostCount = Math.min(parcel.lostCount, mayRun)
  const counted = countLost(envelope.job, past, { lostCount, giveUpAt: job.giveUpAt, now })
  return { parcel, envelope, ...counted, startBy: counted.past.token > 0 ? null : job.startBy, giveUpAt: job.giveUpAt }
}

const FIELDS = ['token', 'attempt', 'crashCount', 'runAt'] as const

function pastOf(value: unknown): Past | null {
  const past = value as Past | null
  return typeof past === 'object' && past !== null && FIELDS.every((name) => Number.isFinite(past[name])) ? past : null
}

interface Lost {
  readonly lostCount: number
  readonly giveUpAt: number | null
  readonly now: number
}

/** Each delivery that was lost is a claim whose process died: what a store would have decided then is decided now. */
function countLost(
  { maxAttempts }: NewJob,
  before: Past,
  { lostCount, giveUpAt, now }: Lost,
): { readonly past: Past; readonly failed: string | null } {
  let past = before
  for (let left = lostCount; left > 0; left--) {
    const { token, attempt, crashCount } = past
    const alone = crashCount >= SUSPECT_CRASH_COUNT
    const claim = { cause: 'death', attempt: attempt + 1, maxAttempts, crashCount, alone, forwarding: false, giveUpAt, now } as const
    const decision = decideLapse({ ...claim, backoff: DEFAULTS.job.backoff, random: Math.random })
    past = { ...past, token: token + 1, attempt: alone ? attempt + 1 : attempt, crashCount: crashCount + 1 }
    if (decision.outcome === 'fail') return { past, failed: decision.reason }
  }
  return { past, failed: null }
}

export const isSuspect = ({ past }: LoneJob): boolean => past.crashCount >= SUSPECT_CRASH_COUNT

/** No Kerja queue has such a name. Suspects wait apart, so that a claim for them finds them and others are not held up. */
export const suspectsOf = (queue: string): string => `${queue}!suspects`
/** Few as they are, they wait in one line. */
export const SUSPECTS_RANK: PriorityRank = 2

/** The message that takes the place of the one which brought the job. */
export function nextMessage({ envelope, past: before }: LoneJob, delayMs: number, past: Past = before): DelayedMessage {
  const message = messageOf(envelope.job, envelope.at, past.token === 0 ? {} : { past })
  if (past.crashCount < SUSPECT_CRASH_COUNT) return { ...message, delayMs }
  return { ...message, queue: suspectsOf(message.queue), priority: SUSPECTS_RANK, delayMs }
}

/** As a worker gets it, its attempt begun. */
export function claimedOf({ parcel, envelope, past, giveUpAt }: LoneJob, claimedAt: number, alone: boolean): ClaimedJob {
  const { id, kind, version, queue, priority, payload, maxAttempts, group, tags, parentId, tick } = envelope.job
  const { token, attempt, crashCount, runAt } = past
  const job = { jobId: id, kind, version, queue, priority, payload, maxAttempts, group, tags, parentId, tick }
  return {
    ...job,
    token: token + 1,
    handle: parcel.number,
    attempt: attempt + 1,
    crashCount,
    alone,
    createdAt: envelope.at,
    runAt,
    claimedAt,
    giveUpAt,
  }
}
