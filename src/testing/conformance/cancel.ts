/** Topic cancel: waiting jobs end, running ones are asked to. */
import assert from 'node:assert/strict'
import { complete, crash, fail, MINUTE, release, retry, snooze, unique } from './build.js'
import { topic } from './suite.js'

const ask = { reason: 'user left', retentionMs: MINUTE }

export const cancelTopic = topic('cancel', ['ledger'], ({ check, where }) => {
  check('a waiting job ends now and never starts', async ({ pushMany, ledger, worker, job, clock }) => {
    const ids = await pushMany([{}, { delayMs: MINUTE }])
    assert.deepEqual(await ledger.cancel(ids, ask), ['changed', 'changed'])
    for (const id of ids) {
      const record = await job(id)
      assert.deepEqual([record.state, record.reason, record.finishedAt], ['cancelled', 'user left', clock.now()])
    }
    clock.advance(MINUTE / 2)
    const { jobs, nextDueInMs } = await (await worker()).ask()
    assert.deepEqual([jobs, nextDueInMs], [[], null])
  })

  check('a job waiting for its retry ends too', async ({ pushOne, ledger, worker, settle, job }) => {
    const id = await pushOne()
    await settle(await (await worker()).takeOne(), retry(MINUTE))
    assert.deepEqual(await ledger.cancel([id], ask), ['changed'])
    assert.equal((await job(id)).state, 'cancelled')
  })

  check('a running job gets a request and goes on', async ({ pushOne, ledger, worker, job }) => {
    const id = await pushOne()
    await (await worker()).takeOne()
    assert.deepEqual(await ledger.cancel([id], ask), ['requested'])
    const record = await job(id)
    assert.deepEqual([record.state, record.cancelRequested], ['running', true])
  })

  where(['coordination'], 'its worker sees the request with the next beat', async ({ pushMany, ledger, worker }) => {
    const [first, second] = await pushMany([{}, {}])
    const by = await worker()
    const heartbeat = await by.heartbeat()
    await by.take()
    await ledger.cancel([second as string], ask)
    const { held } = await heartbeat.beat()
    assert.deepEqual(
      held.map(({ jobId, cancelRequested }) => [jobId, cancelRequested]).sort(),
      [
        [first, false],
        [second, true],
      ].sort(),
    )
  })

  check(
    'a running job that completes or fails in spite of the request has completed or failed',
    async ({ pushMany, ledger, worker, settle, job }) => {
      const [first, second] = (await pushMany([{}, {}])) as [string, string]
      const by = await worker()
      const one = await by.takeOne()
      const two = await by.takeOne()
      await ledger.cancel([first, second], ask)
      assert.equal(await settle(one, complete({ result: '1' })), 'settled')
      assert.equal(await settle(two, fail()), 'settled')
      assert.deepEqual([(await job(first)).state, (await job(second)).state], ['completed', 'failed'])
    },
  )

  for (const outcome of [retry(MINUTE), snooze(MINUTE), release, crash()]) {
    check(`a running job with a request that would ${outcome.outcome} is cancelled instead`, async ({ pushOne, ledger, worker, settle, job }) => {
      const id = await pushOne()
      const by = await worker()
      const claimed = await by.takeOne()
      await ledger.cancel([id], ask)
      assert.equal(await settle(claimed, outcome), 'settled')
      const record = await job(id)
      assert.deepEqual([record.state, record.reason], ['cancelled', 'user left'])
      assert.deepEqual(await by.take(), [])
    })
  }

  where(['keys'], 'a cancelled job frees its key although it was running', async ({ pushOne, ledger, worker, settle }) => {
    const id = await pushOne({ unique: unique({ scope: 'live' }) })
    const claimed = await (await worker()).takeOne()
    await ledger.cancel([id], ask)
    await settle(claimed, release)
    await pushOne({ unique: unique({ scope: 'live' }) })
  })

  check('ended jobs are unchanged, unknown ones unknown, answers in order', async ({ pushMany, ledger, worker, settle, job }) => {
    const [done, waiting] = (await pushMany([{}, {}])) as [string, string]
    const by = await worker()
    await settle(await by.takeOne(), complete())
    const before = await job(done)
    const unknown = '01890000-0000-7000-8000-000000000000'
    assert.deepEqual(await ledger.cancel([unknown, waiting, done], ask), ['unknown', 'changed', 'unchanged'])
    assert.deepEqual(await job(done), before)
  })

  check('a retry by hand takes the request back', async ({ pushOne, ledger, worker, settle }) => {
    const id = await pushOne()
    const by = await worker()
    const claimed = await by.takeOne()
    await ledger.cancel([id], ask)
    await settle(claimed, release)
    assert.deepEqual(await ledger.retry([id]), ['changed'])
    assert.equal(await settle(await by.takeOne(), retry()), 'settled')
    assert.equal((await by.takeOne()).jobId, id)
  })
})
