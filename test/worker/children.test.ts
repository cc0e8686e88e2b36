/** Jobs that a handler enqueues: not doubled by a rerun, and, on completion, exactly when it completes. */
import { defineJob, type JobContext, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BACKENDS } from '../support/backends.js'
import { openStage, type Stage } from '../support/stage.js'

const parent = defineJob({ kind: 'test.parent', payload: type<object>(), maxAttempts: 3, backoff: { first: 0 } })
const child = defineJob({ kind: 'test.child', payload: type<{ n: number }>() })
const strict = defineJob({ kind: 'test.strict', payload: z.object({ n: z.number().refine(async (n) => n > 0) }) })

const childrenOf = async (stage: Stage) => {
  const { jobs } = await stage.kerja.jobs.list({ kind: child.kind })
  return jobs.map(({ payload, parentId }) => ({ n: (payload as { n: number }).n, parentId })).toSorted((a, b) => a.n - b.n)
}

describe.each(BACKENDS)('children on $name', ({ open }) => {
  it('a rerun enqueues the same jobs again, and they merge', async () => {
    const stage = openStage(open())
    const receipts: { id: string; duplicate: boolean | 'unknown' }[] = []
    await stage.work(
      parent.handle(async (_payload, ctx) => {
        receipts.push(await ctx.enqueue(child, { n: 1 }), await ctx.enqueue(child, { n: 2 }))
        if (ctx.attempt < 3) throw new Error('after the effect')
      }),
    )
    const ended = await stage.run(parent)
    expect(ended).toMatchObject({ state: 'completed', attempt: 3 })
    expect(await childrenOf(stage)).toEqual([1, 2].map((n) => ({ n, parentId: ended.id })))
    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false, true, true, true, true])
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(2)
  })

  it('two equal requests in one run are two jobs, and a rerun’s are the same two', async () => {
    const stage = openStage(open())
    await stage.work(
      parent.handle(async (_payload, ctx) => {
        await Promise.all([ctx.enqueue(child, { n: 1 }), ctx.enqueue(child, { n: 1 })])
        if (ctx.attempt === 1) throw new Error('again')
      }),
    )
    await stage.run(parent)
    expect((await childrenOf(stage)).map(({ n }) => n)).toEqual([1, 1])
  })

  it('the same request of two parents is two jobs', async () => {
    const stage = openStage(open())
    await stage.work(parent.handle(async (_payload, ctx) => void (await ctx.enqueue(child, { n: 1 }))))
    const parents = [await stage.run(parent), await stage.run(parent)]
    const found = await childrenOf(stage)
    expect(new Set(found.map(({ parentId }) => parentId))).toEqual(new Set(parents.map(({ id }) => id)))
  })

  const ends: readonly (readonly [string, (ctx: JobContext<void>) => unknown, readonly number[]])[] = [
    ['it completes', () => undefined, [1]],
    ['it completes with an outcome', (ctx) => ctx.complete(), [1]],
    ['it fails', (ctx) => ctx.fail('no'), []],
    ['it is cancelled', (ctx) => ctx.cancel('no'), []],
    ['its result is refused', () => 'undeclared', []],
    [
      'it throws each time',
      () => {
        throw new Error('no')
      },
      [],
    ],
  ]
  for (const [name, end, expected] of ends) {
    it(`what it enqueues on completion ${expected.length > 0 ? 'exists' : 'does not exist'} when ${name}`, async () => {
      const stage = openStage(open())
      await stage.work(
        parent.handle((_payload, ctx) => {
          ctx.enqueueOnComplete(child, { n: 1 })
          return end(ctx) as never
        }),
      )
      await stage.run(parent)
      expect((await childrenOf(stage)).map(({ n }) => n)).toEqual(expected)
    })
  }

  it('on completion exists once although the run before it failed or snoozed after asking', async () => {
    const stage = openStage(open())
    let run = 0
    const before: number[] = []
    await stage.work(
      parent.handle(async (_payload, ctx) => {
        run += 1
        before.push((await childrenOf(stage)).length)
        ctx.enqueueOnComplete(child, { n: run })
        if (run === 1) throw new Error('no')
        return run === 2 ? ctx.snooze(0) : undefined
      }),
    )
    const { id } = await stage.run(parent)
    expect(before).toEqual([0, 0, 0])
    expect(await childrenOf(stage)).toEqual([{ n: 3, parentId: id }])
  })

  it('on completion runs at once where its kind is served', async () => {
    const stage = openStage(open())
    await stage.work(
      parent.handle((_payload, ctx) => ctx.enqueueOnComplete(child, { n: 5 })),
      child.handle(() => undefined),
    )
    await stage.run(parent)
    const { jobs } = await stage.kerja.jobs.list({ kind: child.kind })
    expect((await stage.ended(jobs[0]?.id ?? '')).state).toBe('completed')
  })

  it('a payload that does not fit fails the run, also where only an asynchronous schema finds out', async () => {
    const stage = openStage(open())
    await stage.work(
      parent.handle((_payload, ctx) => {
        if (ctx.attempt === 1) ctx.enqueueOnComplete(strict, { n: 'x' } as never)
        if (ctx.attempt === 2) ctx.enqueueOnComplete(strict, { n: -1 })
      }),
    )
    const ended = await stage.run(parent)
    expect(ended).toMatchObject({ state: 'completed', attempt: 3 })
    const attempts = await stage.kerja.jobs.attempts(ended.id)
    expect(attempts.map(({ failure }) => failure?.code)).toEqual(['PAYLOAD_INVALID', 'PAYLOAD_INVALID'])
    expect((await stage.kerja.jobs.list({ kind: strict.kind })).jobs).toEqual([])
  })

  it('an idempotency key for others is the same in every run', async () => {
    const stage = openStage(open())
    const keys: string[] = []
    await stage.work(
      parent.handle((_payload, ctx) => {
        keys.push(ctx.idempotencyKey('charge'))
        if (ctx.attempt < 3) throw new Error('again')
      }),
    )
    const { id } = await stage.run(parent)
    expect(keys).toEqual([`${id}:charge`, `${id}:charge`, `${id}:charge`])
  })
})
