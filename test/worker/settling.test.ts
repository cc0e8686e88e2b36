/** Ends reach the store whatever the store does meanwhile, once, and one that it refuses stands in nobody's way. */
import { KerjaError } from 'kerja'
import type { Backend, Settlement } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS, type TestBackend } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { gate, openStage, turns } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<{ n: number }>(), result: type<unknown>(), maxAttempts: 3, backoff: { first: 0 } })

/** A stage whose store answers `settle` by `decide`: an error to throw, or nothing to settle as usual. */
function openWithSettle(open: TestBackend['open'], decide: (settlements: readonly Settlement[]) => unknown) {
  return openStage(
    withQueue(open(), (queue) => ({
      settle: async (settlements, options) => {
        const error = decide(settlements)
        if (error !== undefined) throw error
        return queue.settle(settlements, options)
      },
    })),
  )
}

describe.each(BACKENDS)('settling on $name', ({ open }) => {
  const away: readonly (readonly [string, () => Error])[] = [
    ['is away', () => new KerjaError('BACKEND_UNAVAILABLE', 'away')],
    ['is locked', () => new KerjaError('STORE_LOCKED', 'locked')],
    ['is full', () => new KerjaError('STORE_FULL', 'full')],
    ['has trouble without a code', () => new TypeError('socket hang up')],
  ]
  for (const [name, error] of away) {
    it(`a store that ${name} gets the ends once it is back; nothing runs twice, nothing fails for it`, async () => {
      let left = 3
      const stage = openWithSettle(open, () => (left-- > 0 ? error() : undefined))
      const runs: number[] = []
      await stage.start({
        concurrency: 1,
        handlers: [
          job.handle(({ n }) => {
            runs.push(n)
            return n
          }),
        ],
      })
      const { id } = await stage.kerja.enqueue(job, { n: 1 })
      expect(await stage.ended(id)).toMatchObject({ state: 'completed', result: 1, attempt: 1 })
      expect(stage.seen('worker.trouble').length).toBeGreaterThanOrEqual(3)
      expect(runs).toEqual([1])
      expect(stage.seen('job.completed', id)).toHaveLength(1)
    })
  }

  it('a worker stops claiming while ends pile up, and goes on by itself when the store is back', async () => {
    let failing = true
    const stage = openWithSettle(open, () => (failing ? new KerjaError('BACKEND_UNAVAILABLE', 'away') : undefined))
    const piled = gate()
    const runs: number[] = []
    await stage.start({
      concurrency: 1,
      handlers: [
        job.handle(({ n }) => {
          runs.push(n)
          if (runs.length === 3) piled.open()
          return n
        }),
      ],
    })
    const receipts = await stage.kerja.enqueueMany(Array.from({ length: 10 }, (_, n) => job.with({ n })))
    await piled.opened
    await stage.until('worker.trouble', undefined, stage.seen('worker.trouble').length + 2)
    expect(runs).toHaveLength(3)
    failing = false
    for (const { id } of receipts) expect((await stage.ended(id)).state).toBe('completed')
    expect(runs.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('an end that the store refuses is recorded as failed; its neighbours complete', async () => {
    const poisoned = (settlement: Settlement): boolean => settlement.outcome === 'complete' && settlement.result === '"poison"'
    const stage = openWithSettle(open, (settlements) => (settlements.some(poisoned) ? new KerjaError('RESULT_INVALID', 'no such text') : undefined))
    const together = gate()
    let started = 0
    await stage.work(
      job.handle(async ({ n }) => {
        started += 1
        if (started === 5) together.open()
        await together.opened
        return n === 2 ? 'poison' : n
      }),
    )
    const receipts = await stage.kerja.enqueueMany(Array.from({ length: 5 }, (_, n) => job.with({ n })))
    const ended = await Promise.all(receipts.map(({ id }) => stage.ended(id)))
    expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed', 'failed', 'completed', 'completed'])
    expect(ended[2]).toMatchObject({ reason: 'unwritable', failure: { code: 'RESULT_INVALID', message: 'no such text' } })
    expect(stage.seen('job.failed')).toMatchObject([{ id: ended[2]?.id, reason: 'unwritable' }])
    expect((await stage.run(job, { n: 7 })).result).toBe(7)
  })

  it('when even the failure is refused it is tried until the store takes it, without a hot loop', async () => {
    let calls = 0
    const stage = openWithSettle(open, () => {
      calls += 1
      return calls < 6 ? new KerjaError('RESULT_INVALID', 'no') : undefined
    })
    await stage.work(job.handle(() => 1))
    const beganAt = performance.now()
    expect((await stage.run(job, { n: 1 })).state).toBe('failed')
    expect(performance.now() - beganAt).toBeGreaterThan(300)
    expect(calls).toBe(6)
  })

  it('progress and logs that cannot be written are dropped; the job is not', async () => {
    const backend = open()
    const stage = openStage({ ...backend, ledger: { ...backend.ledger, record: () => Promise.reject(new Error('no')) } })
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.progress(0.5)
        ctx.log.info('half')
        return 1
      }),
    )
    expect(await stage.run(job, { n: 1 })).toMatchObject({ state: 'completed', progress: null })
    expect(stage.seen('worker.trouble')).toHaveLength(1)
  })

  it('progress and logs are in the store before the end is', async () => {
    const backend = open()
    // Slower than an end that would not wait for it.
    const record: Backend['ledger']['record'] = async (writes, limits) => {
      await turns(20)
      return backend.ledger.record(writes, limits)
    }
    const stage = openStage({ ...backend, ledger: { ...backend.ledger, record } })
    await stage.work(
      job.handle((_payload, ctx) => {
        for (const share of [0.1, 0.2, 0.9]) ctx.progress(share, 'on the way')
        ctx.log.warn('first')
        ctx.log.error('second')
        return 1
      }),
    )
    const ended = await stage.run(job, { n: 1 })
    expect(ended.progress).toMatchObject({ fraction: 0.9, message: 'on the way' })
    expect((await stage.kerja.jobs.logs(ended.id)).lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'first'],
      ['error', 'second'],
    ])
  })

  it('what a run left behind logs does not push aside what the next run says', async () => {
    const stage = openStage(open())
    let former: { log: { info(message: string): void }; progress(share: number): void } | undefined
    await stage.work(
      job.handle((_payload, ctx) => {
        if (ctx.attempt === 1) {
          former = ctx
          return ctx.retry(0)
        }
        ctx.log.info('mine')
        ctx.progress(0.4)
        former?.log.info('late')
        former?.progress(0.9)
        return 1
      }),
    )
    const ended = await stage.run(job, { n: 1 })
    expect((await stage.kerja.jobs.logs(ended.id)).lines.map(({ message }) => message)).toEqual(['mine'])
    expect(ended.progress?.fraction).toBe(0.4)
  })
})
