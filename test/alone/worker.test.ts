/** Workers and clients on a broker without a state: what works, and what says that it needs a state. */
import { Kerja } from 'kerja'
import { defineJob, defineSchedule, type } from 'kerja/define'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gate, openStage } from '../support/stage.js'
import { newPlace } from './support.js'

const job = defineJob({ kind: 'test.job', payload: type<{ readonly n?: number }>(), maxAttempts: 3, backoff: { first: 0 } })
const child = defineJob({ kind: 'test.child', payload: type<object>() })
const once = defineJob({ kind: 'test.once', payload: type<object>(), maxAttempts: 1 })
const unsupported = expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('state') })

describe('a worker on a broker alone', () => {
  it('runs jobs, retries what fails, and enqueues what a completion asks for', async () => {
    const place = newPlace()
    const stage = openStage(place.open())
    const attempts: number[] = []
    await stage.work(
      job.handle((_payload, ctx) => {
        attempts.push(ctx.attempt)
        if (ctx.attempt < 3) throw new Error('not yet')
        ctx.enqueueOnComplete(child, {})
      }),
      child.handle(() => undefined),
    )
    const { id, durability } = await stage.kerja.enqueue(job, {})
    expect(durability).toBe('queued')
    await stage.until('job.completed', id)
    expect(attempts).toEqual([1, 2, 3])
    await stage.until('job.completed', undefined, 2)
    expect(stage.seen('worker.trouble')).toEqual([])
  })

  it('puts what failed into the dead queue, with why', async () => {
    const place = newPlace()
    const stage = openStage(place.open())
    await stage.work(
      once.handle(() => {
        throw new RangeError('no such mailbox')
      }),
    )
    const { id } = await stage.kerja.enqueue(once, {})
    await stage.until('job.failed', id)
    expect(place.broker.aside).toMatchObject([{ queue: 'default', reason: 'attempts: RangeError: no such mailbox' }])
  })

  it('starts no worker with a schedule', async () => {
    const stage = openStage(newPlace().open())
    const schedules = [defineSchedule('nightly', job.with({}), { cron: '0 2 * * *', timeZone: 'UTC' })]
    await expect(stage.start({ handlers: [job.handle(() => undefined)], schedules })).rejects.toEqual(unsupported)
  })

  it('starts no worker with a job that may run longer than the broker lets it', async () => {
    const stage = openStage(newPlace().open({ leaseMsMax: 60_000 }))
    const long = defineJob({ kind: 'test.long', payload: type<object>(), timeout: '2m' })
    await expect(stage.work(long.handle(() => undefined))).rejects.toEqual(unsupported)
    const endless = defineJob({ kind: 'test.endless', payload: type<object>(), timeout: 'never' })
    await expect(stage.work(endless.handle(() => undefined))).rejects.toEqual(unsupported)
  })

  it('says of results, records, schedules and workers that they need a state', async () => {
    const { kerja } = openStage(newPlace().open())
    const { id } = await kerja.enqueue(job, {})
    await expect(kerja.result(job, id)).rejects.toEqual(unsupported)
    await expect(kerja.watch(job, id).next()).rejects.toEqual(unsupported)
    await expect(kerja.jobs.get(id)).rejects.toEqual(unsupported)
    await expect(kerja.jobs.cancel(id, 'no')).rejects.toEqual(unsupported)
    await expect(kerja.queues.pause('default')).rejects.toEqual(unsupported)
    await expect(kerja.schedules.list()).rejects.toEqual(unsupported)
    await expect(kerja.workers.list()).rejects.toEqual(unsupported)
    await expect(kerja.enqueue(job, {}, { idempotencyKey: 'a' })).rejects.toEqual(unsupported)
    // The others of the same write are stored.
    const [good, bad] = await Promise.allSettled([kerja.enqueue(job, {}), kerja.enqueue(job, {}, { idempotencyKey: 'a' })])
    expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected'])
  })

  it('says once that progress and log lines need a state, and runs the job', async () => {
    const warnings: unknown[] = []
    const logger = { debug: () => undefined, info: () => undefined, warn: (message: string) => void warnings.push(message), error: () => undefined }
    const kerja = new Kerja({ backend: newPlace().open(), logger })
    onTestFinished(() => kerja.close())
    const ended = gate()
    let count = 0
    kerja.events.on('job.completed', () => {
      count += 1
      if (count === 2) ended.open()
    })
    await kerja
      .worker({
        handlers: [
          job.handle((_payload, ctx) => {
            ctx.progress(0.5)
            ctx.log.info('half')
          }),
        ],
      })
      .start()
    await kerja.enqueueMany([job.with({}), job.with({})])
    await ended.opened
    expect(warnings).toEqual(['progress and log lines of jobs need a state to be kept in; they are dropped'])
  })
})

describe('a worker on a broker alone that dies', () => {
  it('leaves its jobs to another, at no cost', async () => {
    const place = newPlace()
    const backend = place.open()
    const dying = openStage(backend)
    await dying.work(job.handle(() => new Promise(() => undefined)))
    const { id } = await dying.kerja.enqueue(job, {})
    await dying.until('job.started', id)
    const stage = openStage(place.open())
    await stage.work(job.handle(() => undefined))
    backend.kill()
    expect(await stage.until('job.completed', id)).toMatchObject({ attempt: 1, token: 2 })
  })

  it('may have started a job that starts at most once: it does not start again', async () => {
    const place = newPlace()
    const backend = place.open()
    const dying = openStage(backend)
    await dying.work(once.handle(() => new Promise(() => undefined)))
    const { id } = await dying.kerja.enqueue(once, {})
    await dying.until('job.started', id)
    backend.kill()
    const stage = openStage(place.open())
    await stage.work(
      once.handle(() => undefined),
      job.handle(() => undefined),
    )
    const { id: next } = await stage.kerja.enqueue(job, {})
    await stage.until('job.completed', next)
    expect(place.broker.aside).toMatchObject([{ reason: 'crashed' }])
    expect(stage.seen('job.started', id)).toEqual([])
  })

  it('of a job seen in two deaths, runs it alone; and after three more it is dead', async () => {
    const place = newPlace()
    const alone: boolean[] = []
    const { id } = await openStage(place.open()).kerja.enqueue(job, {})
    const patient = defineJob({ kind: 'test.job', payload: type<object>(), maxAttempts: 10 })
    for (let death = 0; death < 2; death += 1) {
      const backend = place.open()
      const stage = openStage(backend)
      await stage.work(patient.handle(() => new Promise(() => undefined)))
      await stage.until('job.started', id)
      backend.kill()
    }
    const last = place.open()
    await last.open()
    const request = { workerId: 'w', limit: 10, queues: new Map([['default', 10]]), kinds: [{ kind: 'test.job', version: 1, leaseMs: null }] }
    const claim = (from: typeof last, isAlone: boolean) => from.queue.claim({ ...request, alone: isAlone, expiredRetentionMs: 0 })
    expect(await claim(last, false)).toMatchObject({ jobs: [], suspectsWait: true })
    for (let death = 0; death < 3; death += 1) {
      const backend = place.open()
      const [claimed] = (await claim(backend, true)).jobs
      alone.push(claimed?.alone === true)
      backend.kill()
    }
    expect(alone).toEqual([true, true, true])
    expect((await claim(last, true)).jobs).toEqual([])
    expect(place.broker.aside).toMatchObject([{ reason: expect.stringMatching(/^(crashed|attempts)$/) }])
  })
})

describe('a broker alone', () => {
  it('sets aside what is no job', async () => {
    const place = newPlace()
    place.broker.put('default', 'not a job')
    place.broker.put('default', JSON.stringify({ kerja: 1, at: 0, job: { id: 'x' } }))
    const stage = openStage(place.open())
    await stage.work(job.handle(() => undefined))
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.completed', id)
    expect(place.broker.aside.map(({ reason }) => reason)).toEqual(['it is no JSON', 'its envelope is damaged'])
  })

  it('does not go in circles with jobs that nobody runs', async () => {
    const place = newPlace()
    const stage = openStage(place.open())
    await stage.kerja.enqueueMany(Array.from({ length: 20 }, () => child.with({})))
    await stage.work(job.handle(() => undefined))
    for (let round = 0; round < 10; round += 1) {
      const { id } = await stage.kerja.enqueue(job, {})
      await stage.until('job.completed', id)
    }
    // Each was sent, and once sent on.
    expect(place.broker.sentCount).toBe(20 + 20 + 10)
    expect(place.broker.count('default')).toBe(20)
  })

  it('settles when the broker takes messages again, each claim once', async () => {
    const place = newPlace()
    const stage = openStage(place.open())
    const started: number[] = []
    const go = gate()
    await stage.work(
      job.handle(async ({ n = 0 }, ctx) => {
        started.push(n)
        await go.opened
        if (n === 0 && ctx.attempt === 1) throw new Error('again')
      }),
    )
    const [first, second] = await stage.kerja.enqueueMany([job.with({ n: 0 }), job.with({ n: 1 })])
    await stage.until('job.started', second?.id)
    place.broker.blocked = true
    go.open()
    await stage.until('worker.trouble')
    place.broker.blocked = false
    await stage.until('job.completed', first?.id)
    await stage.until('job.completed', second?.id)
    expect(started.sort()).toEqual([0, 0, 1])
    expect(stage.seen('job.lost')).toEqual([])
  })
})
