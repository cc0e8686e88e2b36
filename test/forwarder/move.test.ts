// A move between stores: what goes along, what happens beside it, and what it does when a store or the other side misbehaves.
import { randomUUID } from 'node:crypto'
import { defineJob, KerjaError, type } from 'kerja'
import type { Backend, ScheduleDefinition, WorkerRegistration } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { openStage } from '../support/stage.js'
import { moveAll, newJob, openStore, PAIRS, push, statesOf, withTransfer } from './support.js'

const DAY = 86_400_000
const [memoryBackend, sqliteBackend] = BACKENDS as [(typeof BACKENDS)[0], (typeof BACKENDS)[0]]

const registration = (overrides: Partial<WorkerRegistration> = {}): WorkerRegistration => ({
  id: randomUUID(),
  name: 'a worker',
  host: 'here',
  pid: process.pid,
  version: '0.0.0',
  queues: ['default'],
  kinds: [{ kind: 'test.move', version: 1 }],
  schedules: [],
  concurrency: 1,
  leaseMs: 60_000,
  ...overrides,
})

async function claimOne(backend: Backend, workerId: string) {
  const kinds = [{ kind: 'test.move', version: 1, leaseMs: null }]
  const { jobs } = await backend.queue.claim({ workerId, limit: 1, queues: new Map([['default', 1]]), kinds, alone: false, expiredRetentionMs: DAY })
  return jobs[0] as NonNullable<(typeof jobs)[0]>
}

const schedule = (overrides: Partial<ScheduleDefinition> = {}): ScheduleDefinition => ({
  name: 'nightly',
  source: 'api',
  cron: '0 2 * * *',
  everyMs: null,
  timeZone: 'Asia/Jakarta',
  missed: 'once',
  overlap: 'skip',
  template: newJob(),
  nextAt: Date.now() + DAY,
  ...overrides,
})

describe.each(PAIRS)('a move from $from.name to $to.name', ({ from, to }) => {
  it('carries jobs of every sort, schedules, pauses and keys, and leaves nothing behind', async () => {
    const [source, target] = [await openStore(from), await openStore(to)]
    const worker = registration()
    await source.coordination.registerWorker(worker)
    const lease = { leaseMs: null, workerId: worker.id }
    const failure = { name: 'Error', message: 'it broke', code: null, stack: null }
    const [retrying = ''] = await push(source, 1)
    await source.queue.settle([{ lease: await claimOne(source, lease.workerId), outcome: 'retry', delayMs: DAY, failure }])
    const [held = ''] = await push(source, 1)
    await source.queue.settle([{ lease: await claimOne(source, lease.workerId), outcome: 'hold', reason: 'invalid', failure }])
    const [done = ''] = await push(source, 1, { idempotency: { key: 'done', payloadHash: 'h', ttlMs: DAY } })
    await source.queue.settle([{ lease: await claimOne(source, lease.workerId), outcome: 'complete', result: '1', retentionMs: DAY, enqueue: [] }])
    await source.coordination.deregisterWorker(worker.id)
    const waiting = [...(await push(source, 1_200)), ...(await push(source, 3, { delayMs: DAY })), retrying, held]
    await source.coordination.pauseQueue('reports')
    await source.coordination.upsertSchedules([schedule()])
    await source.coordination.pauseSchedule('nightly', true)
    const [before] = await source.coordination.schedules()

    const report = await moveAll(source, target)

    expect(report.jobs).toEqual({ moved: waiting.length, duplicate: 0, superseded: 0, lost: 0, refused: 0 })
    expect(report.schedules).toEqual({ accepted: ['nightly'], kept: [] })
    expect([report.pausedQueues, report.runningCount, report.stopped]).toEqual([['reports'], 0, false])
    const states = await statesOf(target)
    expect([...states.keys()].sort()).toEqual([...waiting].sort())
    expect([states.get(retrying), states.get(held)]).toEqual(['retryable', 'available'])
    expect((await target.ledger.get([held]))[0]?.holdReason).toBe('invalid')
    expect([...(await statesOf(source)).keys()]).toEqual([done])
    expect(await target.coordination.schedules()).toEqual([before])
    expect(await source.coordination.schedules()).toEqual([])
    expect((await target.ledger.stats({ queues: ['reports'], countCap: 10, windowMs: 1_000 }))[0]?.paused).toBe(true)
    const again = newJob({ idempotency: { key: 'done', payloadHash: 'h', ttlMs: DAY } })
    expect(await target.queue.push([again])).toEqual([{ status: 'duplicate', id: done }])
    expect(await source.coordination.workers()).toEqual([])

    const history = await moveAll(source, target, { history: true })
    expect([history.jobs.moved, history.history.moved]).toEqual([0, 1])
    expect((await target.ledger.get([done]))[0]).toMatchObject({ state: 'completed', result: '1' })
    expect((await statesOf(source)).size).toBe(0)
  })

  it('never lets a job run twice beside workers on both sides', async () => {
    const [source, target] = [await openStore(from), await openStore(to)]
    const sides = [openStage(source), openStage(target)]
    const job = defineJob({ kind: 'test.move', payload: type<{ n: number }>() })
    const runs = new Map<string, number>()
    const handler = job.handle(async (_payload, ctx) => {
      runs.set(ctx.id, (runs.get(ctx.id) ?? 0) + 1)
    })
    const receipts = await (sides[0] as (typeof sides)[0]).kerja.enqueueMany(Array.from({ length: 3_000 }, (_, n) => job.with({ n })))
    for (const side of sides) await side.start({ handlers: [handler], concurrency: 4 })
    const report = await moveAll(source, target, { wait: true })
    expect(report.runningCount).toBe(0)
    const ids = receipts.map(({ id }) => id)
    const there = new Set((await statesOf(target)).keys())
    const here = new Set((await statesOf(source)).keys())
    expect(ids.filter((id) => there.has(id) === here.has(id))).toEqual([])
    if (there.size > 0) await (sides[1] as (typeof sides)[0]).until('job.completed', undefined, there.size)
    expect(runs.size).toBe(ids.length)
    expect([...runs.values()].filter((count) => count !== 1)).toEqual([])
    expect(report.jobs.moved).toBe(there.size)
  })
})

describe('a move', () => {
  it('goes on where another was cut off between the two stores', async () => {
    const [source, target] = [await openStore(sqliteBackend), await openStore(sqliteBackend)]
    const ids = await push(source, 700)
    const dying = withTransfer(source, () => ({ leave: () => Promise.reject(new KerjaError('STORE_FULL', 'no more')) }))
    await expect(moveAll(dying, target)).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect((await statesOf(source)).size).toBe(700)
    expect((await statesOf(target)).size).toBeGreaterThan(0)
    const report = await moveAll(source, target)
    expect(report.jobs.moved).toBe(700)
    expect(report.jobs.duplicate).toBeGreaterThan(0)
    expect([...(await statesOf(target)).keys()].sort()).toEqual([...ids].sort())
    expect((await statesOf(source)).size).toBe(0)
  })

  it('waits for a store that is away, and gives everything back when it does not return', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    await push(source, 20)
    let failures = 0
    const away = (): never => {
      failures += 1
      throw new KerjaError('BACKEND_UNAVAILABLE', 'away')
    }
    const flaky = withTransfer(target, ({ accept }) => ({ accept: async (jobs) => (failures < 2 ? away() : accept(jobs)) }))
    const gone = withTransfer(target, () => ({ accept: async () => away() }))
    await expect(moveAll(source, gone, { outageMs: 1 })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect([...new Set((await statesOf(source)).values())]).toEqual(['available'])
    failures = 0
    expect((await moveAll(source, flaky)).jobs.moved).toBe(20)
    expect(failures).toBe(2)
  })

  it('leaves a job that the target refuses where it is, and moves the others', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    const ids = await push(source, 50)
    const bad = ids[17] as string
    const picky = withTransfer(target, ({ accept }) => ({
      accept: async (jobs) => {
        if (jobs.some(({ jobId }) => jobId === bad)) throw new Error('I do not take this one')
        return accept(jobs)
      },
    }))
    const report = await moveAll(source, picky)
    expect(report.jobs).toMatchObject({ moved: 49, refused: expect.any(Number) })
    expect(report.jobs.refused).toBeGreaterThan(0)
    expect(report.refusals[0]).toMatchObject({ jobId: bad, error: { message: 'I do not take this one' } })
    expect([...(await statesOf(source))]).toEqual([[bad, 'available']])
    expect((await source.ledger.get([bad]))[0]?.attempt).toBe(0)
  })

  it('goes on under a new name when the source takes it for dead', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    const ids = await push(source, 1_500)
    let pageCount = 0
    const sleepy = withTransfer(source, ({ take }) => ({
      take: async (request) => {
        pageCount += 1
        if (pageCount === 2) await source.coordination.deregisterWorker(request.workerId)
        return take(request)
      },
    }))
    const report = await moveAll(sleepy, target)
    expect([...(await statesOf(target)).keys()].sort()).toEqual([...ids].sort())
    expect((await statesOf(source)).size).toBe(0)
    expect(report.stopped).toBe(false)
  })

  it('finds again what it had taken with an answer that was lost', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    await push(source, 10)
    let lost = false
    const lossy = withTransfer(source, ({ take }) => ({
      take: async (request) => {
        const page = await take(request)
        if (lost || page.jobs.length === 0) return page
        lost = true
        throw new KerjaError('BACKEND_UNAVAILABLE', 'the answer was lost')
      },
    }))
    expect((await moveAll(lossy, target)).jobs.moved).toBe(10)
    expect((await statesOf(source)).size).toBe(0)
  })

  it('carries out at the target what was asked for while a job was under way', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    const [id = ''] = await push(source, 1)
    const asking = withTransfer(target, ({ accept }) => ({
      accept: async (jobs) => {
        await source.ledger.cancel([id], { reason: 'not wanted', retentionMs: DAY })
        return accept(jobs)
      },
    }))
    expect((await moveAll(source, asking)).jobs.moved).toBe(1)
    expect((await target.ledger.get([id]))[0]).toMatchObject({ state: 'cancelled', reason: 'not wanted' })
    expect((await statesOf(source)).size).toBe(0)
  })

  it('says which jobs run on, or waits for them', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    const [id = ''] = await push(source, 1)
    const worker = registration()
    await source.coordination.registerWorker(worker)
    const lease = await claimOne(source, worker.id)
    expect((await moveAll(source, target)).runningCount).toBe(1)
    let looked = 0
    const report = await moveAll(source, target, {
      wait: true,
      onProgress: ({ phase }) => {
        if (phase === 'running' && looked++ === 0) void source.queue.settle([{ lease, outcome: 'snooze', delayMs: DAY }])
      },
    })
    expect([report.runningCount, report.jobs.moved]).toEqual([0, 1])
    expect((await target.ledger.get([id]))[0]?.state).toBe('scheduled')
  })

  it('stops when told to, with nothing under way', async () => {
    const [source, target] = [await openStore(memoryBackend), await openStore(memoryBackend)]
    await push(source, 5_000)
    const stop = new AbortController()
    const report = await moveAll(source, target, {
      signal: stop.signal,
      onProgress: ({ phase, doneCount }) => {
        if (phase === 'jobs' && doneCount > 0) stop.abort()
      },
    })
    expect(report.stopped).toBe(true)
    const [here, there] = [await statesOf(source), await statesOf(target)]
    expect(here.size + there.size).toBe(5_000)
    expect([...new Set(here.values())]).toEqual(['available'])
    expect((await moveAll(source, target)).jobs.moved).toBe(here.size)
  })

  it('refuses to move a store into itself, and a store that cannot', async () => {
    const source = await openStore(memoryBackend)
    await push(source, 1)
    await expect(moveAll(source, source)).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('same store') })
    expect((await source.coordination.workers()).length).toBe(0)
    const unable = { ...memory(), capabilities: { ...memory().capabilities, transfer: false } }
    await expect(moveAll(source, unable)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
