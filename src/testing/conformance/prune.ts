/** Topic prune: ended jobs are forgotten when their retention is over, and nothing else is. */
import assert from 'node:assert/strict'
import { SUPERSEDED_RETENTION_MS } from '../../core/state.js'
import { cancel, complete, DAY, fail, HOUR, leaseOf, MINUTE, retry, unique } from './build.js'
import { topic } from './suite.js'

export const pruneTopic = topic('prune', ['ledger'], ({ check, where, without }) => {
  where(['retentionMsMin'], 'each ending keeps its own time', async ({ pushMany, worker, settle, ledger, clock }) => {
    const [short, middle, long] = (await pushMany([{}, {}, {}])) as [string, string, string]
    const by = await worker()
    await settle(await by.takeOne(), complete({ retentionMs: HOUR }))
    await settle(await by.takeOne(), cancel('no', 2 * HOUR))
    await settle(await by.takeOne(), fail('no', 3 * HOUR))
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    const left = async () => (await ledger.get([short, middle, long])).map((record) => record !== null)
    clock.advance(HOUR + 1)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
    assert.deepEqual(await left(), [false, true, true])
    clock.advance(HOUR)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
    clock.advance(HOUR)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
    assert.deepEqual(await left(), [false, false, false])
  })

  check('waiting and running jobs are never pruned', async ({ pushMany, worker, settle, ledger, clock }) => {
    const ids = await pushMany([{}, {}, { delayMs: 400 * DAY }])
    const by = await worker()
    await by.takeOne()
    await settle(await by.takeOne(), retry(DAY))
    clock.advance(300 * DAY)
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    assert.ok((await ledger.get(ids)).every((record) => record !== null))
  })

  where(['retentionMsMin'], 'prunes no more than the limit at once', async ({ pushMany, ledger, clock }) => {
    const ids = await pushMany(Array.from({ length: 5 }, () => ({})))
    await ledger.cancel(ids, { reason: 'no', retentionMs: MINUTE })
    clock.advance(MINUTE + 1)
    const counts = [await ledger.prune({ limit: 2 }), await ledger.prune({ limit: 2 })]
    assert.deepEqual([...counts, await ledger.prune({ limit: 2 }), await ledger.prune({ limit: 2 })], [2, 2, 1, 0])
  })

  where(['retentionMsMin'], 'attempts and log lines go with the job', async ({ pushOne, worker, settle, ledger, clock }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    await ledger.record([{ lease: leaseOf(claimed), lines: [{ at: 1, level: 'info', message: 'x' }] }], { logLinesMax: 10 })
    await settle(claimed, fail('no', MINUTE))
    clock.advance(MINUTE + 1)
    await ledger.prune({ limit: 10 })
    assert.deepEqual([await ledger.attempts(id), (await ledger.logs(id, { limit: 10, after: 0 })).lines], [[], []])
  })

  check('a retried job is kept, whatever retention it had', async ({ pushOne, ledger, clock }) => {
    const id = await pushOne()
    await ledger.cancel([id], { reason: 'no', retentionMs: MINUTE })
    await ledger.retry([id])
    clock.advance(HOUR)
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    assert.notDeepEqual(await ledger.get([id]), [null])
  })

  where(['retentionMsMin'], 'a job that ended again is kept for its last retention', async ({ pushOne, worker, settle, ledger, clock }) => {
    const id = await pushOne()
    await ledger.cancel([id], { reason: 'no', retentionMs: MINUTE })
    await ledger.retry([id])
    await settle(await (await worker()).takeOne(), complete({ retentionMs: HOUR }))
    clock.advance(2 * MINUTE)
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    assert.notDeepEqual(await ledger.get([id]), [null])
    clock.advance(HOUR)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
    const [stats] = await ledger.stats({ queues: null, countCap: 10, windowMs: MINUTE })
    assert.deepEqual([stats?.counts.completed ?? 0, stats?.counts.cancelled ?? 0], [0, 0])
  })

  where(['keys'], 'a superseded job is kept for a day', async ({ pushOne, worker, settle, ledger, clock }) => {
    await pushOne({ unique: unique() })
    const claimed = await (await worker()).takeOne()
    await pushOne({ unique: unique() })
    assert.equal(await settle(claimed, retry()), 'superseded')
    clock.advance(SUPERSEDED_RETENTION_MS - 1)
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    clock.advance(2)
    assert.equal(await ledger.prune({ limit: 10 }), 1)
  })

  without('retentionMsMin', 'what has ended is kept for as long as the backend says, also where it is told less', async (stage) => {
    const { backend, pushMany, worker, settle, ledger, queue, clock } = stage
    const keptMs = backend.capabilities.retentionMsMin as number
    const ids = await pushMany([{}, {}, {}, { startWithinMs: MINUTE }])
    const by = await worker()
    await settle(await by.takeOne(), complete({ retentionMs: 0 }))
    await settle(await by.takeOne(), fail('no', 0))
    await ledger.cancel([ids[2] as string], { reason: 'no', retentionMs: 0 })
    clock.advance(MINUTE + 1)
    assert.equal(await queue.expire({ limit: 10, retentionMs: 0 }), 1)
    clock.advance(keptMs - MINUTE - 2)
    assert.equal(await ledger.prune({ limit: 10 }), 0)
    clock.advance(MINUTE + 3)
    assert.equal(await ledger.prune({ limit: 10 }), 4)
  })
})
