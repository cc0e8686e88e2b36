/** Topic expire: what has waited too long ends without running. */
import assert from 'node:assert/strict'
import { complete, MINUTE, retry, SECOND, snooze, unique } from './build.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const expireTopic = topic('expire', ['ledger'], ({ check, where }) => {
  check('a job not started within its limit is cancelled as expired', async ({ pushOne, queue, job, clock }) => {
    const id = await pushOne({ startWithinMs: 10 * SECOND })
    clock.advance(10 * SECOND)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
    clock.advance(1)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 1)
    const record = await job(id)
    assert.deepEqual([record.state, record.reason, record.finishedAt], ['cancelled', 'expired', clock.now()])
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
  })

  check('the start limit counts from the run time where that is later', async ({ pushMany, queue, worker, clock }) => {
    const ids = await pushMany([
      { startWithinMs: 10 * SECOND, delayMs: MINUTE },
      { startWithinMs: 10 * SECOND, runAt: clock.now() + MINUTE },
    ])
    clock.advance(MINUTE + 10 * SECOND)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
    assert.deepEqual(idsOf(await (await worker()).take()), ids)
  })

  check('the start limit counts from the push where the run time is past', async ({ pushOne, queue, clock }) => {
    await pushOne({ startWithinMs: 10 * SECOND, runAt: clock.now() - MINUTE })
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
    clock.advance(10 * SECOND + 1)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 1)
  })

  check('a job that has started no longer expires', async ({ pushMany, queue, worker, settle, clock }) => {
    const ids = await pushMany([{ startWithinMs: 10 * SECOND }, { startWithinMs: 10 * SECOND }])
    const by = await worker()
    const [one, two] = await by.take()
    await settle(one as NonNullable<typeof one>, retry(MINUTE))
    await settle(two as NonNullable<typeof two>, snooze(MINUTE))
    clock.advance(MINUTE)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
    assert.deepEqual(idsOf(await by.take()), ids)
  })

  check('a job past its give-up instant fails, also between its attempts', async ({ pushMany, queue, worker, settle, job, clock }) => {
    const [tried, fresh] = (await pushMany([{ giveUpAfterMs: MINUTE }, { giveUpAfterMs: MINUTE }])) as [string, string]
    const by = await worker()
    await settle(await by.takeOne(), retry(5 * MINUTE))
    clock.advance(MINUTE + 1)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 2)
    for (const id of [tried, fresh]) {
      const record = await job(id)
      assert.deepEqual([record.state, record.reason], ['failed', 'gave-up'])
    }
  })

  check('a running job is not expired', async ({ pushOne, queue, worker, settle, clock }) => {
    await pushOne({ startWithinMs: SECOND, giveUpAfterMs: SECOND })
    const claimed = await (await worker()).takeOne()
    clock.advance(MINUTE)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 0)
    assert.equal(await settle(claimed, complete()), 'settled')
  })

  check('a claim ends what is late instead of handing it out, and takes the next', async ({ pushMany, worker, job, clock }) => {
    const [late, hopeless, good] = (await pushMany([{ startWithinMs: SECOND }, { giveUpAfterMs: SECOND }, {}])) as [string, string, string]
    clock.advance(2 * SECOND)
    assert.deepEqual(idsOf(await (await worker()).take({ limit: 1 })), [good])
    assert.deepEqual([(await job(late)).state, (await job(late)).reason], ['cancelled', 'expired'])
    assert.deepEqual([(await job(hopeless)).state, (await job(hopeless)).reason], ['failed', 'gave-up'])
  })

  check('expires no more than the limit at once', async ({ pushMany, queue, clock }) => {
    await pushMany(Array.from({ length: 5 }, () => ({ startWithinMs: SECOND })))
    clock.advance(2 * SECOND)
    const counts = [await queue.expire({ limit: 2, retentionMs: MINUTE }), await queue.expire({ limit: 2, retentionMs: MINUTE })]
    assert.deepEqual([...counts, await queue.expire({ limit: 2, retentionMs: MINUTE })], [2, 2, 1])
  })

  where(['coordination'], 'jobs held back expire too', async ({ pushMany, queue, coordination, clock }) => {
    await pushMany([{ startWithinMs: SECOND }, { startWithinMs: SECOND, kind: 'unknown.kind', queue: 'other' }])
    await coordination.pauseQueue('default')
    clock.advance(2 * SECOND)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 2)
  })

  where(['keys'], 'an expired job frees its key', async ({ pushOne, queue, clock }) => {
    await pushOne({ startWithinMs: SECOND, unique: unique({ scope: 'live' }) })
    clock.advance(2 * SECOND)
    await queue.expire({ limit: 10, retentionMs: MINUTE })
    await pushOne({ unique: unique({ scope: 'live' }) })
  })

  where(['retentionMsMin'], 'expired jobs are kept as long as told', async ({ pushOne, queue, ledger, clock }) => {
    const id = await pushOne({ startWithinMs: SECOND })
    clock.advance(2 * SECOND)
    await queue.expire({ limit: 10, retentionMs: MINUTE })
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    clock.advance(MINUTE + 1)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
    assert.deepEqual(await ledger.get([id]), [null])
  })
})
