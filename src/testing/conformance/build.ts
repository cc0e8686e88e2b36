/** Builders of what the cases push and settle: valid, minimal, each part replaceable. */
import type {
  JobFailure,
  LeaseRef,
  NewJob,
  NewJobIdempotency,
  NewJobUnique,
  ScheduleDefinition,
  Settlement,
  SettlementOutcome,
} from '../../contract/index.js'

export const KIND = 'conformance.job'
export const QUEUE = 'default'
export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

let lastNumber = 0

/** A UUIDv7. Ids of one process ascend in the order they are made. */
export function newId(): string {
  lastNumber += 1
  const time = (1_767_225_600_000 + lastNumber).toString(16).padStart(12, '0')
  const random = Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${random}`
}

export function newJob(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: newId(),
    kind: KIND,
    version: 1,
    queue: QUEUE,
    priority: 2,
    payload: '{"n":1}',
    delayMs: 0,
    runAt: null,
    maxAttempts: 10,
    giveUpAfterMs: null,
    startWithinMs: null,
    group: null,
    tags: [],
    idempotency: null,
    unique: null,
    parentId: null,
    tick: null,
    ...overrides,
  }
}

export const unique = (overrides: Partial<NewJobUnique> = {}): NewJobUnique => ({
  key: 'the-key',
  scope: 'waiting',
  whenTaken: 'skip',
  debounceMs: null,
  ...overrides,
})

export const idempotency = (overrides: Partial<NewJobIdempotency> = {}): NewJobIdempotency => ({
  key: 'request-1',
  payloadHash: 'hash-a',
  ttlMs: 7 * DAY,
  ...overrides,
})

export const failure = (message = 'it broke'): JobFailure => ({ name: 'Error', message, code: null, stack: null })

export const schedule = (overrides: Partial<ScheduleDefinition> = {}): ScheduleDefinition => ({
  name: 'nightly',
  source: 'api',
  cron: '0 2 * * *',
  everyMs: null,
  timeZone: 'UTC',
  missed: 'once',
  overlap: 'allow',
  template: newJob(),
  nextAt: 0,
  ...overrides,
})

export const leaseOf = (lease: LeaseRef): LeaseRef => ({ jobId: lease.jobId, token: lease.token, handle: lease.handle })
export const settlement = (lease: LeaseRef, outcome: SettlementOutcome): Settlement => ({ lease: leaseOf(lease), ...outcome })

export const complete = (
  overrides: { readonly result?: string | null; readonly enqueue?: readonly NewJob[]; readonly retentionMs?: number } = {},
): SettlementOutcome => ({
  outcome: 'complete',
  result: null,
  retentionMs: DAY,
  enqueue: [],
  ...overrides,
})
export const retry = (delayMs = 0, message?: string): SettlementOutcome => ({ outcome: 'retry', delayMs, failure: failure(message) })
export const snooze = (delayMs = 0): SettlementOutcome => ({ outcome: 'snooze', delayMs })
export const release: SettlementOutcome = { outcome: 'release' }
export const crash = (burn = false): SettlementOutcome => ({ outcome: 'crash', burn, failure: failure('the process died') })
export const cancel = (reason = 'not wanted', retentionMs = DAY): SettlementOutcome => ({ outcome: 'cancel', reason, retentionMs })
export const fail = (reason = 'gave up', retentionMs = DAY): SettlementOutcome => ({
  outcome: 'fail',
  reason,
  failure: failure(),
  retentionMs,
  crashed: false,
})
export const hold: SettlementOutcome = { outcome: 'hold', reason: 'invalid', failure: failure('does not parse') }
