/** The model: the contract once more, as plainly as it can be said. One list, every question answered by looking at all of it. */
import type { JobState } from '../../src/core/state.js'
import type { Operation } from './operations.js'
import { counted, idOf, RETENTION_MS, type SeenJob, type Side, START_AT, WORKER_COUNT } from './side.js'

interface ModelJob {
  readonly number: number
  readonly queue: string
  readonly createdAt: number
  readonly key: { readonly name: string; readonly scope: 'waiting' | 'live' } | null
  priority: number
  payload: string
  phase: 'waiting' | 'running' | 'completed' | 'cancelled' | 'failed'
  runAt: number
  startBy: number | null
  giveUpAt: number | null
  retrying: boolean
  invalid: boolean
  alone: boolean
  attempt: number
  crashCount: number
  token: number
  worker: number | null
  /** The worker's place has been taken by another. */
  orphan: boolean
  leaseEndsAt: number | null
  cancelRequested: boolean
  finishedAt: number | null
  keepUntil: number
  reason: string | null
  result: string | null
}

interface Model {
  now: number
  pushedCount: number
  jobs: ModelJob[]
  claims: { readonly number: number; readonly token: number }[]
  readonly requests: Map<string, { readonly id: string; readonly hash: string; readonly until: number }>
  readonly paused: Set<string>
}

export function modelSide(): Side {
  const model: Model = { now: START_AT, pushedCount: 0, jobs: [], claims: [], requests: new Map(), paused: new Set() }
  return {
    perform: async (operation) => perform(model, operation),
    jobs: async () => Array.from({ length: model.pushedCount }, (_, number) => seen(model, number)),
    close: async () => undefined,
  }
}

function perform(model: Model, operation: Operation): unknown {
  switch (operation.type) {
    case 'push':
      return push(model, operation)
    case 'claim':
      expire(model)
      return claim(model, operation)
    case 'settle': {
      const claimed = model.claims[counted(operation.claim, model.claims.length) ?? 0]
      return claimed === undefined ? null : [settle(model, claimed, operation)]
    }
    case 'advance':
      model.now += operation.ms
      return undefined
    case 'cancel':
      return [change(model, operation, (job) => cancel(model, job))]
    case 'retry':
      return [change(model, operation, (job) => retry(model, job))]
    case 'remove':
      return [change(model, operation, (job) => remove(model, job))]
    case 'update':
      return change(model, operation, (job) => update(model, job, operation))
    case 'pause':
      model.paused.add(operation.queue)
      return undefined
    case 'resume':
      model.paused.delete(operation.queue)
      return undefined
    case 'die':
      for (const job of model.jobs) if (job.phase === 'running' && job.worker === operation.worker % WORKER_COUNT) job.orphan = true
      return undefined
    case 'rescue':
      return rescue(model, operation.burn)
    case 'expire':
      return expire(model)
    case 'prune': {
      const kept = model.jobs.filter((job) => job.finishedAt === null || job.keepUntil > model.now)
      const count = model.jobs.length - kept.length
      model.jobs = kept
      return count
    }
  }
}

const holds = (job: ModelJob, name: string): boolean =>
  job.key?.name === name && (job.phase === 'waiting' || (job.phase === 'running' && job.key.scope === 'live'))
const isSuspect = (job: ModelJob): boolean => job.crashCount >= 2

function push(model: Model, operation: Extract<Operation, { type: 'push' }>): unknown {
  const again = operation.again === null || model.pushedCount === 0 ? null : operation.again % model.pushedCount
  const number = again ?? model.pushedCount++
  const id = idOf(number)
  if (model.jobs.some((job) => job.number === number)) return { status: 'duplicate', id }
  const request = operation.idempotency
  const standing = request === null ? undefined : model.requests.get(request.key)
  if (request !== null && standing !== undefined && standing.until > model.now) {
    return standing.hash === request.payloadHash
      ? { status: 'duplicate', id: standing.id }
      : { status: 'conflict', on: 'idempotency', id: standing.id }
  }
  const answer = store(model, number, operation)
  if (request !== null && answer.status !== 'conflict') {
    model.requests.set(request.key, { id: answer.id, hash: request.payloadHash, until: model.now + request.ttlMs })
  }
  return answer
}

function store(model: Model, number: number, operation: Extract<Operation, { type: 'push' }>): { status: string; id: string } {
  const { unique } = operation
  const runAt = model.now + (unique?.debounceMs ?? operation.delayMs)
  const startBy = operation.startWithinMs === null ? null : runAt + operation.startWithinMs
  const holder = unique === null ? undefined : model.jobs.find((job) => holds(job, unique.key))
  if (unique !== null && holder !== undefined) {
    const id = idOf(holder.number)
    if (unique.whenTaken === 'reject') return { status: 'conflict', on: 'unique', id } as { status: string; id: string }
    if (holder.phase === 'running') return { status: 'duplicate', id }
    if (unique.whenTaken === 'replace') {
      Object.assign(holder, { payload: `"${number}"`, priority: operation.priority, runAt, startBy, invalid: false })
      return { status: 'replaced', id }
    }
    if (unique.debounceMs !== null) Object.assign(holder, { runAt, startBy })
    return { status: 'duplicate', id }
  }
  // An id that is pushed again after its record was removed is another job: what is left of the former's claims is not tried on it.
  model.claims = model.claims.filter((claim) => claim.number !== number)
  model.jobs.push({
    number,
    queue: operation.queue,
    createdAt: model.now,
    key: unique === null ? null : { name: unique.key, scope: unique.scope },
    priority: operation.priority,
    payload: `"${number}"`,
    phase: 'waiting',
    runAt,
    startBy,
    giveUpAt: operation.giveUpAfterMs === null ? null : model.now + operation.giveUpAfterMs,
    retrying: false,
    invalid: false,
    alone: false,
    attempt: 0,
    crashCount: 0,
    token: 0,
    worker: null,
    orphan: false,
    leaseEndsAt: null,
    cancelRequested: false,
    finishedAt: null,
    keepUntil: 0,
    reason: null,
    result: null,
  })
  return { status: 'created', id: idOf(number) }
}

function expire(model: Model): number {
  let count = 0
  for (const job of model.jobs) {
    if (job.phase !== 'waiting') continue
    if (job.token === 0 && job.startBy !== null && model.now > job.startBy) end(model, job, 'cancelled', 'expired')
    else if (job.giveUpAt !== null && model.now > job.giveUpAt) end(model, job, 'failed', 'gave-up')
    else continue
    count += 1
  }
  return count
}

function claim(model: Model, operation: Extract<Operation, { type: 'claim' }>): unknown {
  const aloneCount = model.jobs.filter((job) => job.phase === 'running' && job.alone).length
  if (operation.alone && aloneCount >= Math.floor(WORKER_COUNT / 4)) return []
  const limit = operation.alone ? Math.min(1, operation.limit) : operation.limit
  const left = new Map([
    ['a', 10],
    ['b', 2],
  ])
  const taken: ModelJob[] = []
  const due = model.jobs.filter((job) => job.phase === 'waiting' && !job.invalid && job.runAt <= model.now && !model.paused.has(job.queue))
  for (const job of due.filter((job) => isSuspect(job) === operation.alone).sort((a, b) => a.priority - b.priority || a.runAt - b.runAt)) {
    const room = left.get(job.queue) ?? 0
    if (taken.length >= limit || room === 0) continue
    left.set(job.queue, room - 1)
    taken.push(job)
  }
  for (const job of taken) {
    job.phase = 'running'
    job.token += 1
    job.attempt += 1
    job.alone = operation.alone
    job.worker = operation.worker % WORKER_COUNT
    job.orphan = false
    job.leaseEndsAt = operation.leaseMs === null ? null : model.now + operation.leaseMs
    model.claims.push({ number: job.number, token: job.token })
  }
  return taken.map((job) => [idOf(job.number), job.token, job.attempt])
}

function settle(
  model: Model,
  claimed: { readonly number: number; readonly token: number },
  operation: Pick<Extract<Operation, { type: 'settle' }>, 'outcome' | 'delayMs' | 'burn'>,
): string {
  const job = model.jobs.find((candidate) => candidate.number === claimed.number)
  if (job === undefined || job.phase !== 'running' || job.token !== claimed.token) return 'lost'
  const { outcome, delayMs, burn } = operation
  if (outcome === 'complete') return end(model, job, 'completed', null, '"done"')
  if (outcome === 'cancel') return end(model, job, 'cancelled', 'handler')
  if (outcome === 'fail') return end(model, job, 'failed', 'exhausted')
  if (outcome === 'retry') job.retrying = true
  else if (!(outcome === 'crash' && burn)) job.attempt -= 1
  if (outcome === 'crash') job.crashCount += 1
  if (outcome === 'hold') job.invalid = true
  if (outcome === 'retry' || outcome === 'snooze') job.runAt = model.now + delayMs
  return waitAgain(model, job)
}

function waitAgain(model: Model, job: ModelJob): string {
  const { key } = job
  if (job.cancelRequested) return end(model, job, 'cancelled', 'model')
  if (key !== null && model.jobs.some((other) => other !== job && holds(other, key.name))) {
    end(model, job, 'cancelled', 'superseded')
    job.keepUntil = model.now + 86_400_000
    return 'superseded'
  }
  job.phase = 'waiting'
  return 'settled'
}

function end(model: Model, job: ModelJob, phase: 'completed' | 'cancelled' | 'failed', reason: string | null, result: string | null = null): string {
  Object.assign(job, { phase, reason, result, finishedAt: model.now, keepUntil: model.now + RETENTION_MS, invalid: false })
  return 'settled'
}

function change(model: Model, operation: { readonly job: number }, act: (job: ModelJob) => string): string {
  const number = counted(operation.job, model.pushedCount)
  const job = model.jobs.find((candidate) => candidate.number === number)
  return job === undefined ? 'unknown' : act(job)
}

function cancel(model: Model, job: ModelJob): string {
  if (job.phase === 'running') {
    job.cancelRequested = true
    return 'requested'
  }
  if (job.phase !== 'waiting') return 'unchanged'
  end(model, job, 'cancelled', 'model')
  return 'changed'
}

function retry(model: Model, job: ModelJob): string {
  const { key } = job
  if (job.phase === 'running' || job.phase === 'completed') return 'unchanged'
  if (key !== null && model.jobs.some((other) => other !== job && holds(other, key.name))) return 'conflict'
  Object.assign(job, { phase: 'waiting', runAt: model.now, attempt: 0, crashCount: Math.min(2, job.crashCount), retrying: false, invalid: false })
  Object.assign(job, { startBy: null, giveUpAt: null, cancelRequested: false, finishedAt: null, reason: null })
  return 'changed'
}

function remove(model: Model, job: ModelJob): string {
  if (job.phase === 'running') return 'unchanged'
  model.jobs = model.jobs.filter((other) => other !== job)
  return 'changed'
}

function update(model: Model, job: ModelJob, operation: Extract<Operation, { type: 'update' }>): string {
  if (job.phase !== 'waiting') return 'unchanged'
  job.priority = operation.priority
  if (operation.payload) Object.assign(job, { payload: '"updated"', invalid: false })
  if (operation.delayMs === null) return 'changed'
  const runAt = model.now + operation.delayMs
  if (job.startBy !== null) job.startBy += Math.max(job.createdAt, runAt) - Math.max(job.createdAt, job.runAt)
  job.runAt = runAt
  return 'changed'
}

function rescue(model: Model, burn: boolean): unknown {
  const lapsed = model.jobs.filter((job) => job.phase === 'running' && (job.orphan || (job.leaseEndsAt !== null && model.now >= job.leaseEndsAt)))
  return lapsed
    .sort((a, b) => a.number - b.number)
    .map((job) => {
      const cause = job.orphan ? 'death' : 'timeout'
      const result = settle(model, job, { outcome: job.orphan ? 'crash' : 'retry', delayMs: 500, burn })
      return [idOf(job.number), job.token, cause, result]
    })
}

function seen(model: Model, number: number): SeenJob | null {
  const job = model.jobs.find((candidate) => candidate.number === number)
  if (job === undefined) return null
  const state: JobState = job.phase !== 'waiting' ? job.phase : job.runAt <= model.now ? 'available' : job.retrying ? 'retryable' : 'scheduled'
  const running = state === 'running'
  return {
    id: idOf(number),
    state,
    held: state === 'available' && (job.invalid || model.paused.has(job.queue)),
    queue: job.queue,
    priority: job.priority,
    payload: job.payload,
    attempt: job.attempt,
    crashCount: job.crashCount,
    token: job.token,
    runAt: job.finishedAt === null ? job.runAt : null,
    finishedAt: job.finishedAt,
    reason: job.reason,
    result: job.result,
    worker: running && !job.orphan ? job.worker : null,
    cancelRequested: running && job.cancelRequested,
  }
}
