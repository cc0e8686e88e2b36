/** A worker that loses its jobs, or can no longer know that it holds them, tells its handlers to stop and goes on. */
import { KerjaError } from 'kerja'
import { createManualClock } from 'kerja/backend'
import { defineJob, defineSchedule, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { withBeat, withQueue } from '../support/faults.js'
import { aborted, gate, openStage, turns } from '../support/stage.js'

const START = Date.UTC(2026, 0, 1)
const job = defineJob({ kind: 'test.job', payload: type<object>(), result: type<string>(), maxAttempts: 5, backoff: { first: 0 } })
const once = defineJob({ kind: 'test.once', payload: type<object>(), result: type<string>(), maxAttempts: 1 })

describe.each(BACKENDS)('leases on $name', ({ open }) => {
  it('a worker declared dead aborts its handlers, registers anew and goes on; the late completion changes nothing', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const release = gate()
    const reasons: unknown[] = []
    const worker = await stage.work(
      job.handle(async (_payload, { signal }) => {
        if (reasons.length > 0) return 'second'
        reasons.push((await aborted(signal)).code)
        await release.opened
        return 'late'
      }),
    )
    const formerId = worker.id
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    clock.advance(11_000)
    // By this or by the worker's own duty, whichever is first.
    await stage.backend.coordination.reapWorkers()
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', result: 'second', attempt: 1, crashCount: 1 })
    expect(reasons).toEqual(['LEASE_LOST'])
    expect(worker.id).not.toBe(formerId)
    release.open()
    expect(await stage.until('job.lost', id)).toMatchObject({ why: expect.stringContaining('complete') })
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'completed', result: 'second' })
    expect(stage.seen('job.completed', id)).toHaveLength(1)
    expect((await stage.kerja.workers.list()).filter(({ alive }) => alive).map((status) => status.id)).toEqual([worker.id])
  })

  it('a worker that registers anew declares its schedules again: others may have removed them meanwhile', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const hourly = defineSchedule('hourly', job.with({}), { every: '1h' })
    const worker = await stage.start({ handlers: [job.handle(() => undefined as never)], schedules: [hourly] })
    const formerId = worker.id
    clock.advance(11_000)
    await stage.backend.coordination.reapWorkers()
    await stage.backend.coordination.removeSchedules(['hourly'])
    await stage.until('worker.started', undefined, 2)
    expect(worker.id).not.toBe(formerId)
    expect((await stage.kerja.schedules.list()).map(({ name }) => name)).toEqual(['hourly'])
  })

  it('a claim that the store gave to somebody else aborts its handler although the worker lives', async () => {
    const stage = openStage(open())
    const backend = stage.backend
    const reasons: unknown[] = []
    const ran = gate<{ jobId: string; token: number; handle: unknown }>()
    const claim = backend.queue.claim
    const spied = openStage({
      ...backend,
      queue: {
        ...backend.queue,
        claim: async (request) => {
          const result = await claim(request)
          if (result.jobs[0] !== undefined) ran.open(result.jobs[0])
          return result
        },
      },
    })
    let runCount = 0
    await spied.work(
      job.handle(async (_payload, { signal }) => {
        runCount += 1
        if (runCount > 1) return 'second'
        reasons.push((await aborted(signal)).code)
        throw signal.reason
      }),
    )
    const { id } = await spied.kerja.enqueue(job, {})
    const lease = await ran.opened
    // As a rescue does it whose decision overtook this worker.
    const failure = { name: 'Error', message: 'taken', code: null, stack: null }
    expect(await backend.queue.settle([{ lease, outcome: 'crash', burn: false, failure }])).toEqual(['settled'])
    expect(await spied.ended(id)).toMatchObject({ state: 'completed', result: 'second', attempt: 1 })
    // The second run may have begun and ended before the first one learns of its loss.
    await spied.until('job.lost', id)
    expect(reasons).toEqual(['LEASE_LOST'])
  })

  it('cancelling a running job reaches its signal, and the job ends with the reason given', async () => {
    const stage = openStage(open())
    const reasons: unknown[] = []
    await stage.work(
      job.handle(async (_payload, { signal }) => {
        reasons.push((await aborted(signal)).code)
        throw new Error('aborted')
      }),
    )
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    expect(await stage.kerja.jobs.cancel(id, 'the user left')).toBe('requested')
    expect(await stage.ended(id)).toMatchObject({ state: 'cancelled', reason: 'the user left' })
    expect(reasons).toEqual(['JOB_CANCELLED'])
    expect(stage.seen('job.cancelled', id)).toHaveLength(1)
  })

  it('a job that completes in spite of its cancellation has completed', async () => {
    const stage = openStage(open())
    await stage.work(job.handle(async (_payload, { signal }) => aborted(signal).then(() => 'done')))
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    await stage.kerja.jobs.cancel(id)
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', result: 'done' })
  })

  it('a beat that was asked for before the claim and is answered after it aborts nothing', async () => {
    const answered = gate()
    let beatCount = 0
    const asked = gate()
    const backend = withBeat(open(), async (beat) => {
      const result = await beat()
      beatCount += 1
      if (beatCount !== 2) return result
      asked.open()
      await answered.opened
      return result
    })
    const stage = openStage(backend)
    const release = gate()
    let signal: AbortSignal | undefined
    await stage.work(
      job.handle(async (_payload, ctx) => {
        signal = ctx.signal
        await release.opened
        return 'done'
      }),
    )
    await asked.opened
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    answered.open()
    await turns()
    expect(signal?.aborted).toBe(false)
    release.open()
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', result: 'done' })
  })

  it('beats that fail abort the handlers before the lease can lapse; nothing is claimed until beats succeed', { timeout: 60_000 }, async () => {
    let fails = false
    const backend = withBeat(open(), (beat) => {
      if (fails) throw new Error('no connection')
      return beat()
    })
    const stage = openStage(backend)
    const aborts: { code: string | undefined; afterMs: number }[] = []
    const beganAt = performance.now()
    const handler = async (signal: AbortSignal): Promise<string> => {
      if (aborts.length > 1) return 'second'
      const { code } = await aborted(signal)
      aborts.push({ code, afterMs: performance.now() - beganAt })
      throw signal.reason
    }
    await stage.work(
      job.handle((_payload, { signal }) => handler(signal)),
      once.handle((_payload, { signal }) => handler(signal)),
    )
    const [many, single] = await stage.kerja.enqueueMany([job.with({}), once.with({})])
    await stage.until('job.started', single?.id)
    fails = true
    // Its lease still holds, so what it gives back is taken: no attempt burned, for the job is not to blame.
    await stage.until('job.released', many?.id)
    expect(await stage.ended(single?.id ?? '')).toMatchObject({ state: 'failed', reason: 'interrupted' })
    expect(aborts.map(({ code }) => code)).toEqual(['LEASE_LOST', 'LEASE_LOST'])
    for (const { afterMs } of aborts) expect(afterMs).toBeLessThan(10_000)
    await stage.kerja.enqueue(job, {})
    expect((await stage.kerja.jobs.get(many?.id ?? '')).state).toBe('available')
    expect(stage.seen('job.started')).toHaveLength(2)
    fails = false
    expect(await stage.ended(many?.id ?? '')).toMatchObject({ state: 'completed', result: 'second', attempt: 1 })
  })

  it('a claim whose answer was lost is given back within a few beats and costs nothing', async () => {
    const stage = openStage(
      withQueue(open(), (queue) => {
        let isLost = false
        return {
          async claim(request) {
            const result = await queue.claim(request)
            if (isLost || result.jobs.length === 0) return result
            isLost = true
            throw new KerjaError('BACKEND_UNAVAILABLE', 'the connection broke before the answer arrived')
          },
        }
      }),
    )
    const { id } = await stage.kerja.enqueue(once, {})
    const startedAt = performance.now()
    await stage.work(once.handle(() => 'done'))
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1, crashCount: 0, token: 2 })
    expect(performance.now() - startedAt).toBeLessThan(8_000)
  })
})
