/** `ctx.complete(…, { tx })`: the completion holds exactly when the handler's own transaction does. */
import { defineJob, type TransactionHandle, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openHandle } from '../sqlite/support.js'
import { temporaryStore } from '../support/backends.js'
import { openStage } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<object>(), result: type<{ n: number }>(), maxAttempts: 2, backoff: { first: 0 } })
const child = defineJob({ kind: 'test.child', payload: type<object>() })

async function openWithTable() {
  const path = temporaryStore()
  const stage = openStage(sqlite(path))
  await stage.kerja.open()
  const handle = openHandle(path)
  onTestFinished(() => handle.close())
  handle.exec('CREATE TABLE effects (job TEXT)')
  const effects = (): number => (handle.prepare('SELECT count(*) AS n FROM effects').get() as { n: number }).n
  const effect = (id: string): void => void handle.prepare('INSERT INTO effects VALUES (?)').run(id)
  return { stage, handle, tx: handle as unknown as TransactionHandle, effect, effects }
}

describe('completing in a transaction', () => {
  it('commits the effect, the result and what is enqueued on completion together', async () => {
    const { stage, handle, tx, effect, effects } = await openWithTable()
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.enqueueOnComplete(child, {})
        handle.exec('BEGIN IMMEDIATE')
        effect(ctx.id)
        const outcome = ctx.complete({ n: 1 }, { tx })
        handle.exec('COMMIT')
        return outcome
      }),
    )
    const ended = await stage.run(job)
    expect(ended).toMatchObject({ state: 'completed', attempt: 1, result: { n: 1 } })
    expect(effects()).toBe(1)
    expect((await stage.kerja.jobs.list({ kind: child.kind })).jobs).toHaveLength(1)
    expect(stage.seen('job.completed', ended.id)).toHaveLength(1)
  })

  it('rolled back, nothing has happened, and the attempt failed', async () => {
    const { stage, handle, tx, effect, effects } = await openWithTable()
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.enqueueOnComplete(child, {})
        handle.exec('BEGIN IMMEDIATE')
        effect(ctx.id)
        const outcome = ctx.complete({ n: 1 }, { tx })
        handle.exec(ctx.attempt === 1 ? 'ROLLBACK' : 'COMMIT')
        return outcome
      }),
    )
    const ended = await stage.run(job)
    expect(ended).toMatchObject({ state: 'completed', attempt: 2 })
    expect(await stage.kerja.jobs.attempts(ended.id)).toMatchObject([{ outcome: 'retry', failure: { code: 'TRANSACTION_INVALID' } }])
    expect(effects()).toBe(1)
    expect((await stage.kerja.jobs.list({ kind: child.kind })).jobs).toHaveLength(1)
  })

  it('a throw after the commit leaves the job completed', async () => {
    const { stage, handle, tx } = await openWithTable()
    await stage.work(
      job.handle((_payload, ctx) => {
        handle.exec('BEGIN IMMEDIATE')
        void ctx.complete({ n: 1 }, { tx })
        handle.exec('COMMIT')
        throw new Error('after the commit')
      }),
    )
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.lost', id)
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'completed', attempt: 1, result: { n: 1 } })
  })

  it('a run that lost its lease cannot complete: the effect is rolled back', async () => {
    const { stage, handle, tx, effect, effects } = await openWithTable()
    const errors: unknown[] = []
    let leaseOf: Parameters<typeof stage.backend.queue.settle>[0][number]['lease'] | undefined
    const spied = openStage({
      ...stage.backend,
      queue: {
        ...stage.backend.queue,
        claim: async (request) => {
          const result = await stage.backend.queue.claim(request)
          leaseOf ??= result.jobs[0]
          return result
        },
      },
    })
    let runCount = 0
    await spied.work(
      job.handle(async (_payload, ctx) => {
        runCount += 1
        if (runCount > 1) return { n: 2 }
        if (leaseOf !== undefined) await stage.backend.queue.settle([{ lease: leaseOf, outcome: 'release' }])
        handle.exec('BEGIN IMMEDIATE')
        effect(ctx.id)
        try {
          const outcome = await ctx.complete({ n: 1 }, { tx })
          handle.exec('COMMIT')
          return outcome
        } catch (error) {
          handle.exec('ROLLBACK')
          errors.push((error as { code?: unknown }).code)
          throw error
        }
      }),
    )
    const { id } = await spied.kerja.enqueue(job, {})
    expect(await spied.ended(id)).toMatchObject({ state: 'completed', result: { n: 2 }, attempt: 1 })
    expect(errors).toEqual(['LEASE_LOST'])
    expect(effects()).toBe(0)
  })

  it('where transactions cannot be joined it says so, and the attempt fails', async () => {
    const stage = openStage(memory())
    await stage.work(job.handle((_payload, ctx) => ctx.complete({ n: 1 }, { tx: {} as TransactionHandle })))
    expect(await stage.run(job)).toMatchObject({ state: 'failed', failure: { code: 'UNSUPPORTED' } })
  })
})
