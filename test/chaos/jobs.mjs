// The jobs of the chaos run, and what number N is. Some fail their first attempt and some take long, by their number, so that retries and kills in
// the middle are part of what is checked.
import { defineJob, defineSchedule, type } from 'kerja/define'

const common = { payload: type(), maxAttempts: 6, backoff: { first: '20ms', factor: 1, jitter: 'none' }, timeout: '1m' }

/** Without keys, under an id of the producer's own. */
const plain = defineJob({ ...common, kind: 'chaos.plain' })
/** Under an idempotency key; every fifth is sent twice on purpose. */
const once = defineJob({ ...common, kind: 'chaos.once' })
/** At most one per key waits or runs. */
const unique = defineJob({ ...common, kind: 'chaos.unique', unique: { key: ({ key }) => key, while: 'live', whenTaken: 'skip' } })
const tick = defineJob({ ...common, kind: 'chaos.tick' })

export const JOBS = [plain, once, unique, tick]
export const TICK_MS = 1_000
export const SCHEDULE = 'chaos-tick'
/** Each tick is to have its job, also those that passed while the store was down. */
export const schedule = defineSchedule(SCHEDULE, tick.with({ number: -1 }), { every: TICK_MS, missed: 'all' })

const UNIQUE_KEYS = 40
const TEXT = 'x'.repeat(120)

/** What is sent for number N. */
export function requestOf(number) {
  const payload = { number, text: TEXT }
  if (number % 4 === 0) return { job: unique, payload: { ...payload, key: keyOf(number) }, options: {}, twice: false }
  if (number % 4 === 1) return { job: once, payload, options: { idempotencyKey: `job-${number}` }, twice: number % 20 === 1 }
  return { job: plain, payload, options: {}, twice: false }
}

export const keyOf = (number) => `key-${(number / 4) % UNIQUE_KEYS}`
/** Whether a record is what was sent under its number. */
export const isAsSent = (record) => {
  const { job, payload } = requestOf(record.payload.number)
  return job.kind === record.kind && JSON.stringify(payload) === JSON.stringify(record.payload)
}

export const runMs = (number) => (number % 701 === 0 ? 1_500 : number % 7 === 0 ? number % 40 : 0)
export const fails = (number, attempt) => number % 10 === 0 && attempt === 1
