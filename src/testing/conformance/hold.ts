/** Topic hold: what waits and may not start says why. */
import assert from 'node:assert/strict'
import { hold, KIND, MINUTE, SECOND } from './build.js'
import type { Stage } from './stage.js'
import { topic } from './suite.js'

const heldCounts = async ({ ledger }: Stage) => (await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE }))[0]?.held ?? {}

export const holdTopic = topic('hold', ['ledger', 'coordination'], ({ check }) => {
  check('no-worker: nobody serves the queue, the kind or the version', async ({ pushMany, worker, job }) => {
    const ids = await pushMany([{}, { queue: 'elsewhere' }, { kind: 'unknown.kind' }, { version: 2 }])
    await worker()
    const reasons = await Promise.all(ids.map(async (id) => (await job(id)).holdReason))
    assert.deepEqual(reasons, [null, 'no-worker', 'no-worker', 'no-worker'])
  })

  check('no-worker: one worker must serve queue, kind and version together', async ({ pushOne, worker, job }) => {
    const id = await pushOne({ version: 2 })
    await worker({ kinds: [{ kind: KIND, version: 1 }] })
    await worker({ queues: ['elsewhere'], kinds: [{ kind: KIND, version: 2 }] })
    assert.equal((await job(id)).holdReason, 'no-worker')
    await worker({ kinds: [{ kind: KIND, version: 3 }] })
    assert.equal((await job(id)).holdReason, null)
  })

  check('no-worker: comes and goes with the workers', async ({ pushOne, worker, job, coordination, clock }) => {
    const id = await pushOne()
    assert.equal((await job(id)).holdReason, 'no-worker')
    const leaving = await worker()
    assert.equal((await job(id)).holdReason, null)
    await coordination.deregisterWorker(leaving.id)
    assert.equal((await job(id)).holdReason, 'no-worker')
    await worker({ leaseMs: SECOND })
    assert.equal((await job(id)).holdReason, null)
    clock.advance(2 * SECOND)
    await coordination.reapWorkers()
    assert.equal((await job(id)).holdReason, 'no-worker')
  })

  check('paused: the queue is', async ({ pushOne, worker, job, coordination }) => {
    const id = await pushOne()
    await worker()
    await coordination.pauseQueue('default')
    assert.deepEqual([(await job(id)).holdReason, (await job(id)).state], ['paused', 'available'])
    await coordination.resumeQueue('default')
    assert.equal((await job(id)).holdReason, null)
  })

  check('invalid: until someone acts', async ({ pushMany, worker, settle, job, ledger }) => {
    const [first, second, third] = (await pushMany([{}, {}, {}])) as [string, string, string]
    const by = await worker()
    for (const claimed of await by.take()) await settle(claimed, hold)
    assert.deepEqual([(await job(first)).holdReason, (await job(first)).state], ['invalid', 'available'])
    await ledger.retry([first])
    await ledger.update(second, { payload: '"mended"' })
    await ledger.update(third, { tags: ['seen'] })
    assert.deepEqual([(await job(first)).holdReason, (await job(second)).holdReason, (await job(third)).holdReason], [null, null, 'invalid'])
    assert.deepEqual((await by.take()).map(({ payload }) => payload).sort(), ['"mended"', '{"n":1}'])
  })

  check('running and ended jobs have no hold reason', async ({ pushMany, worker, job, ledger, coordination }) => {
    const [running, ended] = (await pushMany([{}, { delayMs: MINUTE }])) as [string, string]
    await (await worker()).take()
    await ledger.cancel([ended], { reason: 'no', retentionMs: MINUTE })
    await coordination.pauseQueue('default')
    assert.deepEqual([(await job(running)).holdReason, (await job(ended)).holdReason], [null, null])
  })

  check('stats count what is held, by reason, and leave it out of the latency', async (stage) => {
    const { pushMany, worker, settle, coordination, ledger } = stage
    await pushMany([{ priority: 0 }, { kind: 'unknown.kind' }, { kind: 'unknown.kind' }])
    const by = await worker()
    await settle(await by.takeOne(), hold)
    const held = await heldCounts(stage)
    assert.deepEqual([held['no-worker'] ?? 0, held.invalid ?? 0, held.paused ?? 0], [2, 1, 0])
    assert.equal((await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE }))[0]?.latencyMs, null)
    await pushMany([{}])
    await coordination.pauseQueue('default')
    assert.ok(((await heldCounts(stage)).paused ?? 0) >= 1)
  })
})
