/** Jobs of workers that died or hang: taken over, counted, and isolated when they may be the cause. */
import { createManualClock } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { raisePhantom } from '../support/phantom.js'
import { gate, openStage, type Stage } from '../support/stage.js'

const START = Date.UTC(2026, 0, 1)
const backoff = { first: '1m', jitter: 'none' } as const
const job = defineJob({ kind: 'test.job', payload: type<object>(), maxAttempts: 5, backoff })
const once = defineJob({ kind: 'test.once', payload: type<object>(), maxAttempts: 1 })
const other = defineJob({ kind: 'test.other', payload: type<object>() })

describe.each(BACKENDS)('rescue on $name', ({ open }) => {
  /** A living worker that runs nothing of the kinds in question, but does its duties. */
  const openWithRescuer = async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const rescuer = await stage.work(other.handle(() => undefined))
    return { stage, clock, rescuer }
  }
  /** Claims the job as a worker that dies of it, and waits until it was taken over. */
  const killOver = async (stage: Stage, clock: ReturnType<typeof createManualClock>, id: string, kind: string, alone = false) => {
    const phantom = await raisePhantom(stage.backend, clock)
    const before = stage.seen('job.rescued', id).length
    const claimed = await phantom.take(kind, { alone })
    phantom.die()
    return { claimed, rescued: await stage.until('job.rescued', id, before + 1) }
  }

  it('a death gives the job back at once, with the crash noted and no attempt burned', async () => {
    const { stage, clock } = await openWithRescuer()
    const { id } = await stage.kerja.enqueue(job, {})
    const { rescued, claimed } = await killOver(stage, clock, id, job.kind)
    expect(rescued).toMatchObject({ cause: 'death', outcome: 'crash' })
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'available', attempt: 0, crashCount: 1, failure: { code: 'JOB_CRASHED' } })
    expect(await stage.kerja.jobs.attempts(id)).toMatchObject([{ attempt: claimed.attempt, outcome: 'crash' }])
    const attempts: number[] = []
    await stage.work(job.handle((_payload, ctx) => void attempts.push(ctx.attempt)))
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1, crashCount: 1 })
    expect(attempts).toEqual([1])
  })

  it('a job that may start once only is not run again', async () => {
    const { stage, clock } = await openWithRescuer()
    const { id } = await stage.kerja.enqueue(once, {})
    const { rescued } = await killOver(stage, clock, id, once.kind)
    expect(rescued).toMatchObject({ cause: 'death', outcome: 'fail' })
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'failed', reason: 'crashed', attempt: 1, crashCount: 1 })
  })

  it('after two deaths it runs alone in its worker', async () => {
    const { stage, clock } = await openWithRescuer()
    const { id } = await stage.kerja.enqueue(job, {})
    await killOver(stage, clock, id, job.kind)
    await killOver(stage, clock, id, job.kind)
    const running = new Set<string>()
    const besideSuspect: string[] = []
    const busy = gate()
    const enough = gate()
    const neighbour = defineJob({ kind: 'test.neighbour', payload: type<object>() })
    const handlers = [
      job.handle(async (_payload, ctx) => {
        besideSuspect.push(...running)
        running.add(ctx.id)
        busy.open()
        await enough.opened
        running.delete(ctx.id)
      }),
      neighbour.handle(async (_payload, ctx) => {
        if (running.has(id)) besideSuspect.push(ctx.id)
        running.add(ctx.id)
        await Promise.resolve()
        running.delete(ctx.id)
      }),
    ]
    const neighbours = await stage.kerja.enqueueMany(Array.from({ length: 20 }, () => neighbour.with({})))
    const worker = await stage.start({ handlers, concurrency: 5 })
    await busy.opened
    // Work that arrives meanwhile waits although there are slots.
    const late = await stage.kerja.enqueueMany(Array.from({ length: 5 }, () => neighbour.with({})))
    expect(worker.runningCount).toBe(1)
    enough.open()
    for (const receipt of [...neighbours, ...late]) await stage.ended(receipt.id)
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', crashCount: 2, attempt: 1 })
    expect(besideSuspect).toEqual([])
  })

  it('three crashes while alone fail it; attempts are numbered without gaps', async () => {
    const { stage, clock } = await openWithRescuer()
    const { id } = await stage.kerja.enqueue(job, {})
    for (const alone of [false, false, true, true]) {
      expect((await killOver(stage, clock, id, job.kind, alone)).rescued.outcome).toBe('crash')
    }
    expect((await killOver(stage, clock, id, job.kind, true)).rescued.outcome).toBe('fail')
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'failed', reason: 'crashed', crashCount: 5, attempt: 3 })
    const attempts = await stage.kerja.jobs.attempts(id)
    expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([1, 1, 1, 2, 3].map((attempt) => [attempt, 'crash']))
  })

  it('a hung job loses its lease to its timeout, and the attempt counts', async () => {
    const { stage, clock } = await openWithRescuer()
    const { id } = await stage.kerja.enqueue(job, {})
    const phantom = await raisePhantom(stage.backend, clock)
    await phantom.take(job.kind, { leaseMs: 50 })
    clock.advance(60)
    expect(await stage.until('job.rescued', id)).toMatchObject({ cause: 'timeout', outcome: 'retry' })
    const ended = await stage.kerja.jobs.get(id)
    expect(ended).toMatchObject({ state: 'retryable', attempt: 1, crashCount: 0, failure: { code: 'JOB_TIMEOUT' } })
    // The kind is not known to the rescuer: the default backoff applies, at most 5 s after the first attempt.
    expect(ended.runAt.getTime() - clock.now()).toBeLessThanOrEqual(5_000)
  })

  it('the backoff of the kind applies where the rescuer knows it', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    // It knows the kind, but does not serve the queue in which this one lies.
    await stage.work(job.handle(() => undefined))
    const { id } = await stage.kerja.enqueue(job, {}, { queue: 'elsewhere' })
    await (await raisePhantom(stage.backend, clock)).take(job.kind, { leaseMs: 50, queue: 'elsewhere' })
    clock.advance(60)
    await stage.until('job.rescued', id)
    expect((await stage.kerja.jobs.get(id)).runAt.getTime() - clock.now()).toBe(60_000)
  })
})
