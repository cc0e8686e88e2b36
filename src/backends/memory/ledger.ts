/** The ledger: remembers work. Lists and counts look at every job: this backend is for tests and development. */

import type { JobQuery, Ledger, LedgerWrite } from '../../contract/index.js'
import { KerjaError, quote } from '../../errors.js'
import { cancelJob, removeJob, retryJob, updateJob } from './change.js'
import type { Job } from './job.js'
import { heldUnder } from './settle.js'
import { statsOf } from './stats.js'
import type { Store } from './store.js'
import { enter, firstOf, forget, wake } from './store.js'
import { recordOf, stateOf } from './view.js'

export function createLedger(store: Store): Ledger {
  return {
    async get(ids) {
      const now = enter(store)
      return ids.map((id) => {
        const job = store.jobs.get(id)
        return job === undefined ? null : recordOf(store, job, now)
      })
    },
    async list(query) {
      const now = enter(store)
      const before = sequenceOf(query.cursor)
      const found = [...store.jobs.values()].filter((job) => job.sequence < before && matches(job, query, now)).reverse()
      const page = found.slice(0, query.limit)
      const last = page.at(-1)
      return {
        jobs: page.map((job) => recordOf(store, job, now)),
        next: found.length > page.length && last !== undefined ? `${CURSOR_PREFIX}${last.sequence}` : null,
      }
    },
    async stats(request) {
      return statsOf(store, request, enter(store))
    },
    async attempts(id) {
      enter(store)
      return [...(store.jobs.get(id)?.attempts ?? [])]
    },
    async logs(id, { limit, after }) {
      enter(store)
      const later = (store.jobs.get(id)?.lines ?? []).filter(({ number }) => number > after).slice(0, limit)
      return { lines: later.map(({ line }) => line), next: later.at(-1)?.number ?? after }
    },
    async record(writes, { logLinesMax }) {
      const now = enter(store)
      if (writes.length > 0) wake(store, 'changed')
      return writes.map((write) => recordWrite(store, write, logLinesMax, now))
    },
    async cancel(ids, request) {
      const now = enter(store)
      return ids.map((id) => cancelJob(store, id, request, now))
    },
    async retry(ids) {
      const now = enter(store)
      return ids.map((id) => retryJob(store, id, now))
    },
    async remove(ids) {
      enter(store)
      return ids.map((id) => removeJob(store, id))
    },
    async update(id, changes) {
      return updateJob(store, id, changes, enter(store))
    },
    async prune({ limit }) {
      return prune(store, limit, enter(store))
    },
  }
}

const CURSOR_PREFIX = 'before-'

function sequenceOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.POSITIVE_INFINITY
  const digits = cursor.startsWith(CURSOR_PREFIX) ? cursor.slice(CURSOR_PREFIX.length) : ''
  if (/^\d{1,15}$/.test(digits)) return Number(digits)
  throw new KerjaError('CURSOR_INVALID', `The cursor ${quote(cursor)} was not made by this list. Pass the \`next\` of the page before.`)
}

function matches(job: Job, query: JobQuery, now: number): boolean {
  return (
    (query.queue === undefined || query.queue === job.queue) &&
    (query.kind === undefined || query.kind === job.kind) &&
    (query.group === undefined || query.group === job.group) &&
    (query.tag === undefined || job.tags.includes(query.tag)) &&
    (query.states === undefined || query.states.includes(stateOf(job, now)))
  )
}

function recordWrite(store: Store, write: LedgerWrite, logLinesMax: number, now: number): 'recorded' | 'lost' {
  const job = heldUnder(store, write.lease)
  if (job === undefined) return 'lost'
  if (write.progress !== undefined) job.progress = Object.freeze({ fraction: write.progress.fraction, message: write.progress.message, at: now })
  for (const line of write.lines ?? []) job.lines.push({ number: ++job.lineCount, line: Object.freeze({ ...line }) })
  // The newest lines tell how it ended: the oldest make room.
  job.lines.splice(0, Math.max(0, job.lines.length - logLinesMax))
  return 'recorded'
}

function prune(store: Store, limit: number, now: number): number {
  let count = 0
  while (count < limit) {
    const first = firstOf(store.endings)
    if (first === undefined || first.at > now) break
    forget(store, first.job)
    count += 1
  }
  for (const [key, { expiresAt }] of store.idempotency) if (expiresAt <= now) store.idempotency.delete(key)
  return count
}
