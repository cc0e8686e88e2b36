/** Topic priority: most urgent first, then oldest run time, then order of arrival. */
import assert from 'node:assert/strict'
import { release, SECOND, snooze } from './build.js'
import { idsOf, queues } from './stage.js'
import { topic } from './suite.js'

export const priorityTopic = topic('priority', [], ({ check, where }) => {
  check('starts the most urgent first', async ({ pushMany, worker }) => {
    const [bulk, low, normal, high, critical] = await pushMany([{ priority: 4 }, { priority: 3 }, { priority: 2 }, { priority: 1 }, { priority: 0 }])
    assert.deepEqual(idsOf(await (await worker()).take()), [critical, high, normal, low, bulk])
  })

  check('urgency decides between queues too', async ({ pushMany, worker }) => {
    const [, urgent] = await pushMany([
      { queue: 'a', priority: 2 },
      { queue: 'b', priority: 0 },
    ])
    const by = await worker({ queues: ['a', 'b'] })
    assert.equal((await by.takeOne({ queues: queues('a', 'b') })).jobId, urgent)
  })

  check('urgency comes before age', async ({ pushOne, worker, clock }) => {
    const old = await pushOne({ priority: 2 })
    clock.advance(60 * SECOND)
    const urgent = await pushOne({ priority: 1 })
    assert.deepEqual(idsOf(await (await worker()).take()), [urgent, old])
  })

  check('among equals, the oldest run time first', async ({ pushMany, worker, clock }) => {
    const now = clock.now()
    const [late, early, middle] = await pushMany([{ runAt: now - SECOND }, { runAt: now - 3 * SECOND }, { runAt: now - 2 * SECOND }])
    assert.deepEqual(idsOf(await (await worker()).take()), [early, middle, late])
  })

  check('among equal run times, the order of arrival', async ({ pushMany, worker }) => {
    const first = await pushMany(Array.from({ length: 10 }, () => ({})))
    const second = await pushMany(Array.from({ length: 10 }, () => ({})))
    assert.deepEqual(idsOf(await (await worker()).take()), [...first, ...second])
  })

  where(['clock'], 'a delayed job takes its place by the time it is due', async ({ pushOne, worker, clock }) => {
    const delayed = await pushOne({ delayMs: 2 * SECOND })
    clock.advance(SECOND)
    const plain = await pushOne()
    clock.advance(2 * SECOND)
    const last = await pushOne()
    assert.deepEqual(idsOf(await (await worker()).take()), [plain, delayed, last])
  })

  where(['ledger'], 'a released job stands at its former place, a snoozed one behind', async ({ pushMany, worker, settle, clock }) => {
    const [first, second, third] = await pushMany([{}, {}, {}])
    const by = await worker()
    const one = await by.takeOne()
    const two = await by.takeOne()
    clock.advance(SECOND)
    await settle(two, snooze())
    await settle(one, release)
    assert.deepEqual(idsOf(await by.take()), [first, third, second])
  })

  where(['ledger'], 'a changed priority counts at once', async ({ pushMany, worker, ledger }) => {
    const [first, second] = await pushMany([{}, {}])
    await ledger.update(second as string, { priority: 0 })
    assert.deepEqual(idsOf(await (await worker()).take()), [second, first])
  })
})
