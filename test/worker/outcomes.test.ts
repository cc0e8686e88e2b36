/** What a handler may ask for, returned or thrown, and what becomes of its job. */
import { defineJob, type JobContext, type Outcome, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BACKENDS } from '../support/backends.js'
import { openStage } from '../support/stage.js'

const backoff = { first: '1ms', jitter: 'none' } as const
const job = defineJob({ kind: 'test.job', payload: type<object>(), result: type<{ n: number } | undefined>(), maxAttempts: 3, backoff })
type Context = JobContext<{ n: number } | undefined>

describe.each(BACKENDS)('outcomes on $name', ({ open }) => {
  const ends: readonly (readonly [string, (ctx: Context) => Outcome | Promise<Outcome>, object])[] = [
    ['complete', (ctx) => ctx.complete({ n: 1 }), { state: 'completed', result: { n: 1 }, attempt: 1, reason: null, failure: null }],
    ['cancel', (ctx) => ctx.cancel('not needed'), { state: 'cancelled', reason: 'not needed', attempt: 1 }],
    ['fail', (ctx) => ctx.fail('gone'), { state: 'failed', reason: 'gone', attempt: 1, failure: expect.objectContaining({ message: 'gone' }) }],
  ]
  for (const [name, ask, expected] of ends) {
    it(`${name} ends the job when returned`, async () => {
      const stage = openStage(open())
      await stage.work(job.handle((_payload, ctx) => ask(ctx)))
      expect(await stage.run(job)).toMatchObject(expected)
    })
    it(`${name} ends the job when thrown`, async () => {
      const stage = openStage(open())
      await stage.work(
        job.handle(async (_payload, ctx) => {
          throw await ask(ctx)
        }),
      )
      expect(await stage.run(job)).toMatchObject(expected)
    })
  }

  for (const thrown of [false, true]) {
    it(`retry runs the job again and burns the attempt, when ${thrown ? 'thrown' : 'returned'}`, async () => {
      const stage = openStage(open())
      const attempts: number[] = []
      await stage.work(
        job.handle((_payload, ctx) => {
          attempts.push(ctx.attempt)
          if (ctx.attempt === 2) return { n: 2 }
          const outcome = ctx.retry('2ms')
          if (thrown) throw outcome
          return outcome
        }),
      )
      const ended = await stage.run(job)
      expect(ended).toMatchObject({ state: 'completed', attempt: 2, result: { n: 2 } })
      expect(attempts).toEqual([1, 2])
      expect((await stage.kerja.jobs.attempts(ended.id)).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, 'retry']])
      expect(stage.seen('job.retried', ended.id)).toMatchObject([{ attempt: 1, delayMs: 2 }])
    })

    it(`snooze burns no attempt, when ${thrown ? 'thrown' : 'returned'}`, async () => {
      const stage = openStage(open())
      const attempts: number[] = []
      await stage.work(
        job.handle((_payload, ctx) => {
          attempts.push(ctx.attempt)
          if (attempts.length > 5) return { n: 0 }
          const outcome = ctx.snooze('1ms')
          if (thrown) throw outcome
          return outcome
        }),
      )
      // More often than there are attempts.
      const ended = await stage.run(job)
      expect(attempts).toEqual([1, 1, 1, 1, 1, 1])
      expect(ended).toMatchObject({ state: 'completed', attempt: 1, failure: null })
      expect(await stage.kerja.jobs.attempts(ended.id)).toEqual([])
      expect(stage.seen('job.snoozed', ended.id)).toHaveLength(5)
    })
  }

  it('retry on the last attempt fails the job', async () => {
    const stage = openStage(open())
    await stage.work(job.handle((_payload, ctx) => ctx.retry('1ms')))
    expect(await stage.run(job)).toMatchObject({ state: 'failed', reason: 'attempts', attempt: 3 })
  })

  it('an outcome made and not returned is a failure that names it, whatever was returned instead', async () => {
    const stage = openStage(open())
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.snooze('1h')
        return { n: 1 }
      }),
    )
    const ended = await stage.run(job)
    expect(ended).toMatchObject({ state: 'failed', reason: 'attempts', failure: { code: 'OUTCOME_UNUSED' } })
    expect(ended.failure?.message).toContain('ctx.snooze()')
  })

  it('an outcome made, forgotten and followed by a throw leaves the throw as the failure', async () => {
    const stage = openStage(open())
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.snooze('1h')
        throw new Error('the real trouble')
      }),
    )
    expect(await stage.run(job)).toMatchObject({ state: 'failed', failure: { message: 'the real trouble' } })
  })

  it('a wait that an error asks for with Retry-After is kept as asked', async () => {
    const stage = openStage(open())
    await stage.work(
      job.handle(() => {
        throw Object.assign(new Error('429'), { response: { headers: { 'Retry-After': '7200' } } })
      }),
    )
    const { id } = await stage.kerja.enqueue(job, {})
    expect(await stage.until('job.retried', id)).toMatchObject({ delayMs: 7_200_000 })
    expect((await stage.kerja.jobs.get(id)).state).toBe('retryable')
  })

  it('results are stored as the schema takes them and read back through it', async () => {
    const dated = defineJob({ kind: 'dated', payload: type<object>(), result: z.object({ at: z.date(), size: z.bigint() }) })
    const stage = openStage(open())
    const result = { at: new Date(5), size: 7n }
    await stage.work(dated.handle(() => result))
    const { id } = await stage.kerja.enqueue(dated, {})
    expect(await stage.kerja.result(dated, id)).toEqual(result)
    expect((await stage.kerja.jobs.get(dated, id)).result).toEqual(result)
  })

  it('asynchronous schemas are awaited on both sides', async () => {
    const slow = defineJob({
      kind: 'slow',
      payload: z.object({ n: z.number().refine(async (n) => n > 0) }).transform(async ({ n }) => ({ n: n + 1 })),
      result: z.number().refine(async (n) => n < 10),
      maxAttempts: 1,
    })
    const stage = openStage(open())
    await stage.work(slow.handle(({ n }) => n))
    expect(await stage.kerja.result(slow, (await stage.kerja.enqueue(slow, { n: 1 })).id)).toBe(2)
    expect(await stage.run(slow, { n: 20 })).toMatchObject({ state: 'failed', failure: { code: 'RESULT_INVALID' } })
  })

  it('a result that the job does not declare is refused', async () => {
    const mute = defineJob({ kind: 'mute', payload: type<object>(), maxAttempts: 1 })
    const stage = openStage(open())
    await stage.work(mute.handle((() => ({ n: 1 })) as never))
    expect(await stage.run(mute)).toMatchObject({ state: 'failed', failure: { code: 'RESULT_INVALID' } })
  })

  it('after the run its context makes no outcome and records nothing', async () => {
    const stage = openStage(open())
    let kept: Context | undefined
    await stage.work(
      job.handle((_payload, ctx) => {
        kept ??= ctx
        return ctx.attempt < 2 ? ctx.retry('1ms') : { n: 0 }
      }),
    )
    const ended = await stage.run(job)
    for (const call of [() => kept?.complete({ n: 1 }), () => kept?.snooze('1s'), () => kept?.fail('late'), () => kept?.enqueueOnComplete(job, {})]) {
      expect(call).toThrow(expect.objectContaining({ code: 'WORKER_STATE' }))
    }
    kept?.progress(0.5)
    kept?.log.info('late')
    expect(await stage.kerja.jobs.get(ended.id)).toMatchObject({ progress: null, state: 'completed' })
  })
})
