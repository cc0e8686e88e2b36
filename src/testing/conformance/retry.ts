/** Topic retry: the states a job goes back to, and what each way back costs. */
import assert from 'node:assert/strict'
import { complete, fail, hold, MINUTE, release, retry, SECOND, snooze } from './build.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const retryTopic = topic('retry', ['ledger'], ({ check }) => {
  check('retry: the attempt counts, and the job is retryable until due', async ({ pushOne, worker, settle, job, clock }) => {
    const id = await pushOne()
    const by = await worker()
    await settle(await by.takeOne(), retry(10 * SECOND, 'try later'))
    const waiting = await job(id)
    assert.deepEqual(
      [waiting.state, waiting.attempt, waiting.runAt, waiting.failure?.message, waiting.workerId],
      ['retryable', 1, clock.now() + 10 * SECOND, 'try later', null],
    )
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND)
    assert.equal((await job(id)).state, 'available')
    assert.equal((await by.takeOne()).attempt, 2)
  })

  check('snooze: refunds the attempt, and the job is scheduled until due', async ({ pushOne, worker, settle, job, clock }) => {
    const id = await pushOne()
    const by = await worker()
    await settle(await by.takeOne(), snooze(10 * SECOND))
    const waiting = await job(id)
    assert.deepEqual([waiting.state, waiting.attempt, waiting.token, waiting.runAt], ['scheduled', 0, 1, clock.now() + 10 * SECOND])
    clock.advance(10 * SECOND)
    assert.equal((await by.takeOne()).attempt, 1)
  })

  check('release: refunds the attempt, and the job is available as if never claimed', async ({ pushOne, worker, settle, job, clock }) => {
    const id = await pushOne()
    const runAt = clock.now()
    const by = await worker()
    const claimed = await by.takeOne()
    clock.advance(SECOND)
    await settle(claimed, release)
    const waiting = await job(id)
    assert.deepEqual([waiting.state, waiting.attempt, waiting.runAt, waiting.workerId], ['available', 0, runAt, null])
    assert.equal((await by.takeOne()).attempt, 1)
  })

  check('hold: refunds the attempt, parks the job in sight, and claims pass it by', async ({ pushMany, worker, settle, job, clock }) => {
    const [held, next] = await pushMany([{}, {}])
    const by = await worker()
    await settle(await by.takeOne(), hold)
    const parked = await job(held as string)
    assert.deepEqual([parked.state, parked.holdReason, parked.attempt, parked.failure?.message], ['available', 'invalid', 0, 'does not parse'])
    clock.advance(MINUTE)
    const { jobs, nextDueInMs } = await by.ask()
    assert.deepEqual([idsOf(jobs), nextDueInMs], [[next], null])
  })

  check(
    'every failed claim is remembered, oldest first; a completion, a snooze and a release are not',
    async ({ pushOne, worker, settle, ledger, clock }) => {
      const id = await pushOne()
      const by = await worker()
      const startedAt = clock.now()
      const first = await by.takeOne()
      clock.advance(SECOND)
      await settle(first, retry(0, 'one'))
      await settle(await by.takeOne(), snooze())
      await settle(await by.takeOne(), release)
      await settle(await by.takeOne(), fail('two'))
      const [one, two, ...more] = await ledger.attempts(id)
      assert.deepEqual(more, [])
      assert.deepEqual(
        { ...one, failure: one?.failure?.message },
        { attempt: 1, token: 1, workerId: by.id, startedAt, endedAt: startedAt + SECOND, outcome: 'retry', failure: 'one' },
      )
      assert.deepEqual([two?.attempt, two?.token, two?.outcome], [2, 4, 'fail'])
      assert.deepEqual(await ledger.attempts('01890000-0000-7000-8000-000000000000'), [])
    },
  )

  check('attempts are numbered without gap or reuse', async ({ pushOne, worker, settle, ledger, clock }) => {
    const id = await pushOne({ maxAttempts: 5 })
    const by = await worker()
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const claimed = await by.takeOne()
      assert.equal(claimed.attempt, attempt)
      await settle(claimed, retry(SECOND))
      clock.advance(SECOND)
    }
    await settle(await by.takeOne(), complete())
    assert.deepEqual(
      (await ledger.attempts(id)).map(({ attempt }) => attempt),
      [1, 2, 3, 4],
    )
  })

  check('a person’s retry of a failed job starts a fresh budget under a higher token', async ({ pushOne, worker, settle, ledger, job }) => {
    const id = await pushOne({ maxAttempts: 1 })
    const by = await worker()
    const first = await by.takeOne()
    await settle(first, fail())
    assert.deepEqual(await ledger.retry([id]), ['changed'])
    const waiting = await job(id)
    assert.deepEqual([waiting.state, waiting.attempt, waiting.reason, waiting.finishedAt], ['available', 0, null, null])
    const second = await by.takeOne()
    assert.deepEqual([second.attempt, second.token], [1, 2])
    assert.equal(await settle(first, complete()), 'lost')
    assert.equal(await settle(second, complete()), 'settled')
  })

  check('a person’s retry makes waiting, held and cancelled jobs available now', async ({ pushMany, worker, settle, ledger }) => {
    const [held, failedOnce, cancelled, scheduled] = await pushMany([{}, {}, {}, { delayMs: MINUTE }])
    const by = await worker()
    await settle(await by.takeOne(), hold)
    await settle(await by.takeOne(), retry(MINUTE))
    await ledger.cancel([cancelled as string], { reason: 'oops', retentionMs: MINUTE })
    const ids = [held, failedOnce, cancelled, scheduled] as string[]
    assert.deepEqual(await ledger.retry(ids), ['changed', 'changed', 'changed', 'changed'])
    const taken = await by.take()
    assert.deepEqual([...idsOf(taken)].sort(), [...ids].sort())
    assert.ok(taken.every(({ attempt }) => attempt === 1))
  })

  check('a person’s retry leaves running, completed and unknown jobs alone', async ({ pushMany, worker, settle, ledger }) => {
    const [running, completed] = await pushMany([{}, {}])
    const by = await worker()
    await by.takeOne()
    await settle(await by.takeOne(), complete())
    const ids = [running, completed, '01890000-0000-7000-8000-000000000000'] as string[]
    assert.deepEqual(await ledger.retry(ids), ['unchanged', 'unchanged', 'unknown'])
  })

  check('a retried job is free of the limits that ended it', async ({ pushMany, worker, queue, ledger, clock }) => {
    const ids = await pushMany([{ startWithinMs: SECOND }, { giveUpAfterMs: SECOND }])
    clock.advance(2 * SECOND)
    assert.equal(await queue.expire({ limit: 10, retentionMs: MINUTE }), 2)
    assert.deepEqual(await ledger.retry(ids), ['changed', 'changed'])
    assert.equal((await (await worker()).take()).length, 2)
  })
})
