/** Topic delay: due by the store's clock, neither early nor forgotten. */
import assert from 'node:assert/strict'
import { complete, DAY, MINUTE, newJob, SECOND } from './build.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const delayTopic = topic('delay', [], ({ check, where, without }) => {
  where(['clock'], 'is claimed when due by the store’s clock and not a millisecond before', async ({ pushOne, worker, clock }) => {
    const id = await pushOne({ delayMs: 10 * SECOND })
    const by = await worker()
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND - 1)
    assert.deepEqual(await by.take(), [])
    clock.advance(1)
    assert.deepEqual(idsOf(await by.take()), [id])
  })

  without('clock', 'is not claimed early by the worker’s clock', async ({ pushOne, worker, clock }) => {
    const id = await pushOne({ delayMs: 10 * SECOND })
    const by = await worker()
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND - 1)
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND)
    assert.deepEqual(idsOf(await by.takeDue()), [id])
  })

  where(['ledger'], 'is scheduled until due and available then, with no step in between', async ({ pushOne, job, clock }) => {
    const id = await pushOne({ delayMs: SECOND })
    assert.equal((await job(id)).state, 'scheduled')
    clock.advance(SECOND)
    assert.equal((await job(id)).state, 'available')
  })

  check('an absolute run time wins over a delay', async ({ pushOne, worker, clock }) => {
    const id = await pushOne({ runAt: clock.now() + SECOND, delayMs: MINUTE })
    const by = await worker()
    assert.deepEqual(await by.take(), [])
    clock.advance(SECOND)
    assert.deepEqual(idsOf(await by.takeDue()), [id])
  })

  check('an absolute run time in the past is due at once', async ({ pushOne, worker, clock }) => {
    const runAt = clock.now() - MINUTE
    await pushOne({ runAt })
    assert.equal((await (await worker()).takeOne()).runAt, runAt)
  })

  where(['clock'], 'tells how long until the next job it could claim is due', async ({ pushMany, worker, clock }) => {
    await pushMany([
      { delayMs: 30 * SECOND },
      { delayMs: 20 * SECOND },
      { delayMs: SECOND, kind: 'unknown.kind' },
      { delayMs: SECOND, queue: 'elsewhere' },
    ])
    const by = await worker()
    assert.equal((await by.ask()).nextDueInMs, 20 * SECOND)
    clock.advance(15 * SECOND)
    assert.equal((await by.ask()).nextDueInMs, 5 * SECOND)
    clock.advance(5 * SECOND)
    const { jobs, nextDueInMs } = await by.ask()
    assert.deepEqual([jobs.length, nextDueInMs], [1, 10 * SECOND])
  })

  without('clock', 'says that more may be due when the limit was reached, and nothing when all was seen', async ({ pushMany, worker }) => {
    await pushMany([{}, {}])
    const by = await worker()
    assert.equal((await by.ask({ limit: 1 })).nextDueInMs, 0)
    assert.equal((await by.ask({ limit: 2 })).nextDueInMs, null)
  })

  where(['clock'], 'says that more is due when the limit has left some', async ({ pushMany, worker }) => {
    await pushMany([{}, {}])
    const by = await worker()
    assert.equal((await by.ask({ limit: 1 })).nextDueInMs, 0)
    assert.equal((await by.ask({ limit: 1 })).nextDueInMs, null)
  })

  where(['coordination'], 'announces nothing from a paused queue', async ({ pushOne, worker, coordination }) => {
    await pushOne({ delayMs: SECOND })
    await coordination.pauseQueue('default')
    assert.equal((await (await worker()).ask()).nextDueInMs, null)
  })

  where(['delayMsMax'], 'waits as long as it is told: a year', async ({ pushOne, worker, settle, clock }) => {
    const id = await pushOne({ delayMs: 365 * DAY })
    const by = await worker()
    clock.advance(365 * DAY - 1)
    assert.deepEqual(await by.take(), [])
    clock.advance(1)
    const [job, ...more] = await by.takeDue()
    assert.deepEqual([job?.jobId, more], [id, []])
    assert.equal(await settle(job as NonNullable<typeof job>, complete()), 'settled')
  })

  without('delayMsMax', 'refuses a delay over its limit', async ({ queue, backend }) => {
    const limitMs = backend.capabilities.delayMsMax as number
    await rejectsWith('UNSUPPORTED', () => queue.push([newJob({ delayMs: limitMs + 1 })]))
    assert.equal((await queue.push([newJob({ delayMs: limitMs })]))[0]?.status, 'created')
  })
})
