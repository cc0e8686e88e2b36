/** Topic pause: a paused queue takes jobs in and gives none out. */
import assert from 'node:assert/strict'
import { complete, MINUTE } from './build.js'
import { idsOf, queues, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const pauseTopic = topic('pause', ['coordination'], ({ check, where, without }) => {
  check('a paused queue is not claimed from, others are', async ({ pushMany, worker, coordination }) => {
    const [, open] = await pushMany([{ queue: 'a' }, { queue: 'b' }])
    await coordination.pauseQueue('a')
    const by = await worker({ queues: ['a', 'b'] })
    assert.deepEqual(idsOf(await by.take({ queues: queues('a', 'b') })), [open])
  })

  check('it goes on accepting jobs, and gives them out in order once resumed', async ({ pushOne, worker, coordination }) => {
    await coordination.pauseQueue('default')
    const first = await pushOne()
    const second = await pushOne()
    const by = await worker()
    assert.deepEqual(await by.take(), [])
    await coordination.resumeQueue('default')
    assert.deepEqual(idsOf(await by.take()), [first, second])
  })

  check('jobs that already run go on and settle', async ({ pushOne, worker, settle, coordination }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    await coordination.pauseQueue('default')
    assert.equal(await settle(claimed, complete()), 'settled')
  })

  check('pausing twice and resuming what runs are no errors', async ({ pushOne, worker, coordination }) => {
    await coordination.resumeQueue('default')
    await coordination.pauseQueue('default')
    await coordination.pauseQueue('default')
    await coordination.resumeQueue('default')
    await pushOne()
    assert.equal((await (await worker()).take()).length, 1)
  })

  where(['ledger'], 'stats say that a queue is paused, also an empty one that was asked for', async ({ ledger, coordination }) => {
    await coordination.pauseQueue('default')
    const [stats] = await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE })
    assert.equal(stats?.paused, true)
  })

  without('coordination', 'refuses to pause and resume', async ({ coordination }) => {
    await rejectsWith('UNSUPPORTED', () => coordination.pauseQueue('default'))
    await rejectsWith('UNSUPPORTED', () => coordination.resumeQueue('default'))
  })
})
