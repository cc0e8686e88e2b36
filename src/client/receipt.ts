/** What `enqueue` answers: a receipt, or the conflict as an error. */
import type { NewJob, PushResult } from '../contract/job.js'
import { IdempotencyConflictError, UniqueConflictError } from '../errors.js'
import type { Spooled } from './spooling.js'

export interface Receipt {
  /** UUIDv7 of the job that stands for this request: the new one, or with `duplicate` the one that was there. */
  readonly id: string
  /**
   * `queued`: on disk. `in-transaction`: it exists exactly when you commit. `spooled`: on the disk of this machine; it goes to the backend, under
   * this id, as soon as that answers.
   */
  readonly durability: 'queued' | 'in-transaction' | 'spooled'
  /**
   * True when the id, the idempotency key or the unique key already stood for a job (with `whenTaken: 'replace'` that job has the new payload now).
   * `'unknown'` of a spooled job: keys are compared when it reaches the backend.
   */
  readonly duplicate: boolean | 'unknown'
}

/** @throws {IDEMPOTENCY_CONFLICT} {UNIQUE_CONFLICT} */
export function toReceipt(job: NewJob, result: PushResult | Spooled, durability: 'queued' | 'in-transaction'): Receipt {
  if (result.status === 'spooled') return { id: result.id, durability: 'spooled', duplicate: 'unknown' }
  if (result.status === 'conflict') throw conflictError(job, result)
  return { id: result.id, durability, duplicate: result.status !== 'created' }
}

export function conflictError(job: NewJob, conflict: PushResult & { readonly status: 'conflict' }): IdempotencyConflictError | UniqueConflictError {
  return conflict.on === 'idempotency'
    ? new IdempotencyConflictError(job.kind, job.idempotency?.key ?? '', conflict.id)
    : new UniqueConflictError(job.kind, job.unique?.key ?? '', conflict.id)
}
