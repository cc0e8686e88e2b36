/** What a broker carries of a job: its envelope as JSON text, `{ kerja: 1, at, job }`, and what is made of a message that comes back. */
import { carriedOf, type Envelope, envelopeOf } from '../../contract/envelope.js'
import type { NewJob } from '../../contract/job.js'
import type { CarriedJob } from '../../contract/transfer.js'
import type { IncomingMessage, OutgoingMessage } from './transport.js'

const ENVELOPE_VERSION = 1

export function messageOf(job: NewJob, at: number): OutgoingMessage {
  const { id, queue, priority, group } = job
  return { id, queue, priority, group, body: JSON.stringify({ kerja: ENVELOPE_VERSION, at, job }) }
}

/** The job of a message, or why there is none. */
export function readMessage({ body }: IncomingMessage): Envelope | { readonly reason: string } {
  let value: { readonly kerja?: unknown } | null
  try {
    value = JSON.parse(body)
  } catch {
    return { reason: 'it is no JSON' }
  }
  const version = typeof value === 'object' ? value?.kerja : undefined
  if (version === undefined) return { reason: 'it is no envelope of Kerja' }
  if (version !== ENVELOPE_VERSION) return { reason: `its envelope has version ${JSON.stringify(version)}, and this Kerja reads ${ENVELOPE_VERSION}` }
  return envelopeOf(value) ?? { reason: 'its envelope is damaged' }
}

/** Whether a job may wait in a broker: it is due at once and stands for itself alone. */
export const isPlain = ({ delayMs, runAt, idempotency, unique }: NewJob): boolean =>
  delayMs === 0 && runAt === null && idempotency === null && unique === null

/** As the state takes it. The clock of its producer may be ahead of the state's, but the job is due. */
export function dueJobOf(envelope: Envelope, stateNow: number): CarriedJob {
  const job = carriedOf(envelope)
  return job.runAt > stateNow && isPlain(envelope.job) ? { ...job, runAt: stateNow } : job
}

/** The envelope of a job that another store or a spool hands over, where a broker can carry it; null where it cannot. */
export function envelopeFrom(job: CarriedJob): Envelope | null {
  const {
    jobId: id,
    kind,
    version,
    queue,
    priority,
    payload,
    createdAt: at,
    runAt,
    maxAttempts,
    startBy,
    giveUpAt,
    group,
    tags,
    parentId,
    tick,
  } = job
  const isFresh = job.token === 0 && job.attempt === 0 && job.crashCount === 0 && job.attempts.length === 0 && job.failure === null
  const isFree = job.unique === null && job.idempotency.length === 0 && job.holdReason === null && job.end === null && job.claimedAt === null
  if (!isFresh || !isFree || runAt > at) return null
  const limits = { giveUpAfterMs: giveUpAt === null ? null : giveUpAt - at, startWithinMs: startBy === null ? null : startBy - at }
  const plain = { delayMs: 0, runAt: null, idempotency: null, unique: null }
  return { at, job: { id, kind, version, queue, priority, payload, maxAttempts, group, tags, parentId, tick, ...limits, ...plain } }
}
