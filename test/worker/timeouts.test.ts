/** The time of one attempt: the signal, the failure, and handlers that do not listen. */
import { defineJob, type } from 'kerja/define'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { aborted, gate, openStage } from '../support/stage.js'

const backoff = { first: 0 } as const
const brief = defineJob({ kind: 'test.brief', payload: type<object>(), timeout: '20ms', maxAttempts: 2, backoff })
const plain = defineJob({ kind: 'test.plain', payload: type<object>() })

// A worker that asks for a restart marks the process as failed.
afterEach(() => {
  process.exitCode = undefined
  vi.useRealTimers()
})

describe.each(BACKENDS)('timeouts on $name', ({ name, open }) => {
  it('the signal aborts with JOB_TIMEOUT, the attempt fails with it, and the next one runs', async () => {
    const stage = openStage(open())
    const reasons: unknown[] = []
    await stage.work(
      brief.handle(async (_payload, { signal, attempt }) => {
        if (attempt > 1) return
        const reason = await aborted(signal)
        reasons.push(reason.code)
        // Whatever the handler throws after its abort, the abort is the reason.
        throw new Error('connection reset')
      }),
    )
    const ended = await stage.run(brief)
    expect(reasons).toEqual(['JOB_TIMEOUT'])
    expect(ended).toMatchObject({ state: 'completed', attempt: 2 })
    expect(await stage.kerja.jobs.attempts(ended.id)).toMatchObject([{ outcome: 'retry', failure: { code: 'JOB_TIMEOUT' } }])
  })

  it('a signal first looked at after the timeout has aborted', async () => {
    const stage = openStage(open())
    let late: boolean | undefined
    await stage.work(
      plain.handle(() => undefined),
      defineJob({ kind: 'test.blocking', payload: type<object>(), timeout: '5ms', maxAttempts: 1 }).handle(async (_payload, ctx) => {
        const until = performance.now() + 20
        while (performance.now() < until);
        await stage.run(plain)
        late = ctx.signal.aborted
        ctx.signal.throwIfAborted()
      }),
    )
    const ended = await stage.run(defineJob({ kind: 'test.blocking', payload: type<object>(), maxAttempts: 1 }))
    expect(late).toBe(true)
    expect(ended).toMatchObject({ state: 'failed', failure: { code: 'JOB_TIMEOUT' } })
  })

  it('a handler that returns in spite of its abort has completed', async () => {
    const stage = openStage(open())
    await stage.work(brief.handle(async (_payload, { signal }) => void (await aborted(signal))))
    expect(await stage.run(brief)).toMatchObject({ state: 'completed', attempt: 1 })
  })

  it('a handler that ignores its abort keeps its slot', async () => {
    const stage = openStage(open())
    const release = gate()
    const timedOut = gate()
    const worker = await stage.start({
      concurrency: 1,
      handlers: [
        brief.handle(async (_payload, { signal }) => {
          await aborted(signal)
          timedOut.open()
          await release.opened
        }),
        plain.handle(() => undefined),
      ],
    })
    const hung = await stage.kerja.enqueue(brief, {})
    await timedOut.opened
    const next = await stage.kerja.enqueue(plain, {})
    expect(worker.runningCount).toBe(1)
    expect((await stage.kerja.jobs.get(next.id)).state).toBe('available')
    release.open()
    await stage.ended(next.id)
    const ends = [...stage.seen('job.completed')].map(({ id }) => id)
    expect(ends).toEqual([hung.id, next.id])
  })

  it('a timeout beyond the range of timers does not fire at once', async () => {
    const stage = openStage(open())
    const patient = defineJob({ kind: 'test.patient', payload: type<object>(), timeout: '60d' })
    let early: boolean | undefined
    await stage.work(
      plain.handle(() => undefined),
      patient.handle(async (_payload, { signal }) => {
        // Each takes several turns; a timer that overflowed fires after 1 ms.
        for (let count = 0; count < 5; count += 1) await stage.run(plain)
        early = signal.aborted
      }),
    )
    expect((await stage.run(patient)).state).toBe('completed')
    expect(early).toBe(false)
  })

  it('a worker whose every slot is held by handlers past their time drains and stops', async () => {
    const stage = openStage(open())
    const never = new Promise<never>(() => undefined)
    const worker = await stage.start({ concurrency: 2, handlers: [brief.handle(() => never)] })
    await stage.kerja.enqueueMany([brief.with({}), brief.with({}), brief.with({})])
    await stage.until('worker.stopped')
    expect(worker.state).toBe('stopped')
    // The process is the application's: only run() asks for a restart by the exit code.
    expect(process.exitCode).toBeUndefined()
    // Not lost: those it held are given back.
    const { jobs } = await stage.kerja.jobs.list({ kind: brief.kind })
    expect(jobs.map(({ state }) => state)).toEqual(['available', 'available', 'available'])
  })

  it.runIf(name === 'memory')('handlers that end late, but end, do not add up to a restart', async () => {
    const stage = openStage(open())
    const gates = Array.from({ length: 4 }, () => gate())
    let started = 0
    const worker = await stage.start({ concurrency: 2, handlers: [brief.handle(() => gates[started++]?.opened)] })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (const { open: release } of gates) {
      const { id } = await stage.kerja.enqueue(brief, {})
      await stage.until('job.started', id)
      // Its time, and the grace after its abort.
      await vi.advanceTimersByTimeAsync(20 + 2_500)
      release()
      await stage.ended(id)
    }
    expect(worker.state).toBe('running')
  })

  it('many timeouts at once are no reason to restart when their handlers obey', async () => {
    const stage = openStage(open())
    const single = defineJob({ kind: 'test.single', payload: type<object>(), timeout: '20ms', maxAttempts: 1 })
    const worker = await stage.start({
      concurrency: 15,
      handlers: [
        plain.handle(() => undefined),
        single.handle(async (_payload, { signal }) => {
          await aborted(signal)
          // Cleaning up may take a few turns.
          await stage.run(plain).then(() => signal.throwIfAborted())
        }),
      ],
    })
    const receipts = await stage.kerja.enqueueMany(Array.from({ length: 12 }, () => single.with({})))
    for (const { id } of receipts) expect(await stage.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'JOB_TIMEOUT' } })
    expect(worker.state).toBe('running')
    expect(process.exitCode).toBeUndefined()
  })
})
