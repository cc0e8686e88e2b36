/** A backend as one side of a comparison. */
import type { Backend, ClaimedJob, ManualClock, NewJob, SettlementOutcome } from 'kerja/backend'
import type { Operation } from './operations.js'
import { counted, idOf, RETENTION_MS, type SeenJob, type Side, WORKER_COUNT } from './side.js'

const KIND = 'model.job'
const failure = { name: 'Error', message: 'model', code: null, stack: null }

interface World {
  readonly backend: Backend
  readonly clock: ManualClock
  pushedCount: number
  claims: ClaimedJob[]
  /** Worker ids by place; a dead one's place is taken by the next. */
  readonly workers: string[]
  workerCount: number
}

export async function backendSide(backend: Backend, clock: ManualClock): Promise<Side> {
  const world: World = { backend, clock, pushedCount: 0, claims: [], workers: [], workerCount: 0 }
  await backend.open()
  await Promise.all(Array.from({ length: WORKER_COUNT }, (_, place) => hire(world, place)))
  return {
    perform: (operation) => perform(world, operation),
    jobs: () => seenJobs(world),
    close: () => backend.close(),
  }
}

async function hire(world: World, place: number): Promise<void> {
  world.workerCount += 1
  const id = `01b40000-0000-7000-9000-${world.workerCount.toString(16).padStart(12, '0')}`
  world.workers[place] = id
  await world.backend.coordination.registerWorker({
    id,
    name: 'model',
    host: 'localhost',
    pid: process.pid,
    version: '0',
    queues: ['a', 'b'],
    kinds: [{ kind: KIND, version: 1 }],
    schedules: [],
    concurrency: 10,
    leaseMs: 1e12,
  })
}

async function perform(world: World, operation: Operation): Promise<unknown> {
  const { queue, ledger, coordination } = world.backend
  switch (operation.type) {
    case 'push': {
      const answer = (await push(world, operation)) as { readonly status: string; readonly id: string } | undefined
      // An id that is pushed again after its record was removed is another job: what is left of the former's claims is not tried on it.
      if (answer?.status === 'created') world.claims = world.claims.filter(({ jobId }) => jobId !== answer.id)
      return answer
    }
    case 'claim': {
      // Late jobs are ended first, so that whether a claim meets them does not matter.
      await queue.expire({ limit: 100, retentionMs: RETENTION_MS })
      const result = await queue.claim({
        workerId: world.workers[operation.worker % WORKER_COUNT] as string,
        limit: operation.limit,
        queues: new Map([
          ['a', 10],
          ['b', 2],
        ]),
        kinds: [{ kind: KIND, version: 1, leaseMs: operation.leaseMs }],
        alone: operation.alone,
        expiredRetentionMs: RETENTION_MS,
      })
      world.claims.push(...result.jobs)
      return result.jobs.map(({ jobId, token, attempt }) => [jobId, token, attempt])
    }
    case 'settle': {
      const claim = world.claims[counted(operation.claim, world.claims.length) ?? 0]
      if (claim === undefined) return null
      return queue.settle([{ lease: { jobId: claim.jobId, token: claim.token, handle: claim.handle }, ...outcomeOf(operation) }])
    }
    case 'advance':
      return world.clock.advance(operation.ms)
    case 'cancel':
      return ledger.cancel([jobOf(world, operation)], { reason: 'model', retentionMs: RETENTION_MS })
    case 'retry':
      return ledger.retry([jobOf(world, operation)])
    case 'remove':
      return ledger.remove([jobOf(world, operation)])
    case 'update': {
      const { priority, delayMs, payload } = operation
      return ledger.update(jobOf(world, operation), {
        priority,
        ...(delayMs === null ? {} : { delayMs }),
        ...(payload ? { payload: '"updated"' } : {}),
      })
    }
    case 'pause':
      return coordination.pauseQueue(operation.queue)
    case 'resume':
      return coordination.resumeQueue(operation.queue)
    case 'die': {
      const place = operation.worker % WORKER_COUNT
      await coordination.deregisterWorker(world.workers[place] as string)
      return hire(world, place)
    }
    case 'rescue':
      return rescue(world, operation.burn)
    case 'expire':
      return queue.expire({ limit: 100, retentionMs: RETENTION_MS })
    case 'prune':
      return ledger.prune({ limit: 100 })
  }
}

const jobOf = (world: World, { job }: { readonly job: number }): string => idOf(counted(job, world.pushedCount) ?? 0)

async function push(world: World, operation: Extract<Operation, { type: 'push' }>): Promise<unknown> {
  const again = operation.again === null || world.pushedCount === 0 ? null : operation.again % world.pushedCount
  const number = again ?? world.pushedCount++
  const job: NewJob = {
    id: idOf(number),
    kind: KIND,
    version: 1,
    queue: operation.queue,
    priority: operation.priority,
    payload: `"${number}"`,
    delayMs: operation.delayMs,
    runAt: null,
    maxAttempts: 10,
    giveUpAfterMs: operation.giveUpAfterMs,
    startWithinMs: operation.startWithinMs,
    group: null,
    tags: [],
    idempotency: operation.idempotency,
    unique: operation.unique,
    parentId: null,
    tick: null,
  }
  return (await world.backend.queue.push([job]))[0]
}

function outcomeOf({ outcome, delayMs, burn }: Extract<Operation, { type: 'settle' }>): SettlementOutcome {
  switch (outcome) {
    case 'complete':
      return { outcome, result: '"done"', retentionMs: RETENTION_MS, enqueue: [] }
    case 'retry':
      return { outcome, delayMs, failure }
    case 'snooze':
      return { outcome, delayMs }
    case 'release':
      return { outcome }
    case 'crash':
      return { outcome, burn, failure }
    case 'cancel':
      return { outcome, reason: 'handler', retentionMs: RETENTION_MS }
    case 'fail':
      return { outcome, reason: 'exhausted', failure, retentionMs: RETENTION_MS, crashed: false }
    case 'hold':
      return { outcome, reason: 'invalid', failure }
  }
}

async function rescue({ backend }: World, burn: boolean): Promise<unknown> {
  const lapsed = [...(await backend.queue.lapsed({ limit: 100 }))].sort((a, b) => (a.jobId < b.jobId ? -1 : 1))
  const answers: unknown[] = []
  for (const { jobId, token, handle, cause } of lapsed) {
    const lease = { jobId, token, handle }
    const [result] = await backend.queue.settle([
      cause === 'death' ? { lease, outcome: 'crash', burn, failure } : { lease, outcome: 'retry', delayMs: 500, failure },
    ])
    answers.push([jobId, token, cause, result])
  }
  return answers
}

async function seenJobs({ backend, pushedCount, workers }: World): Promise<readonly (SeenJob | null)[]> {
  const records = await backend.ledger.get(Array.from({ length: pushedCount }, (_, number) => idOf(number)))
  return records.map((record) => {
    if (record === null) return null
    const running = record.state === 'running'
    const place = workers.indexOf(record.workerId ?? '')
    return {
      id: record.id,
      state: record.state,
      held: record.state === 'available' && record.holdReason !== null,
      queue: record.queue,
      priority: record.priority,
      payload: record.payload,
      attempt: record.attempt,
      crashCount: record.crashCount,
      token: record.token,
      runAt: record.finishedAt === null ? record.runAt : null,
      finishedAt: record.finishedAt,
      reason: record.reason,
      result: record.result,
      worker: running && place >= 0 ? place : null,
      cancelRequested: running && record.cancelRequested,
    }
  })
}
