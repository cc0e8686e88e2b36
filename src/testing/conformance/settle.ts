/** Topic settle: how a claim ends, and what exactly then exists. */
import assert from 'node:assert/strict'
import { cancel, complete, DAY, fail, newJob, retry, SECOND, settlement, unique } from './build.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const settleTopic = topic('settle', ['fencing'], ({ check, where }) => {
  check('no settlements are no work', async ({ queue }) => {
    assert.deepEqual(await queue.settle([]), [])
  })

  where(['ledger'], 'complete keeps the result and the instant', async ({ pushOne, worker, settle, job, clock }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    clock.advance(SECOND)
    assert.equal(await settle(claimed, complete({ result: '{"url":"x"}' })), 'settled')
    const record = await job(id)
    assert.deepEqual(
      [record.state, record.result, record.finishedAt, record.attempt, record.reason, record.failure],
      ['completed', '{"url":"x"}', clock.now(), 1, null, null],
    )
  })

  check('a completed job is never handed out again', async ({ pushOne, worker, settle, clock }) => {
    await pushOne()
    const by = await worker()
    await settle(await by.takeOne(), complete())
    clock.advance(DAY / 2)
    assert.deepEqual(await by.take(), [])
  })

  where(['ledger'], 'cancel and fail keep their reasons', async ({ pushMany, worker, settle, job }) => {
    const [first, second] = await pushMany([{}, {}])
    const [one, two] = await (await worker()).take()
    await settle(one as NonNullable<typeof one>, cancel('handler said so'))
    await settle(two as NonNullable<typeof two>, fail('exhausted'))
    const cancelled = await job(first as string)
    const failed = await job(second as string)
    assert.deepEqual([cancelled.state, cancelled.reason, cancelled.failure], ['cancelled', 'handler said so', null])
    assert.deepEqual([failed.state, failed.reason, failed.failure?.message], ['failed', 'exhausted', 'it broke'])
  })

  check('answers in order, with lost ones among good ones', async ({ queue, pushMany, worker }) => {
    await pushMany([{}, {}, {}, {}])
    const claimed = await (await worker()).take()
    const [a, b, c, d] = claimed as [(typeof claimed)[0], (typeof claimed)[0], (typeof claimed)[0], (typeof claimed)[0]]
    const results = await queue.settle([
      settlement(a, complete()),
      settlement({ ...b, token: 99 }, complete()),
      settlement(c, retry(SECOND)),
      settlement({ ...d, jobId: '01890000-0000-7000-8000-000000000000' }, complete()),
      settlement(d, fail()),
      settlement(b, cancel()),
    ])
    assert.deepEqual(results, ['settled', 'lost', 'settled', 'lost', 'settled', 'settled'])
  })

  where(['ledger'], 'of two settlements of one claim in a batch the first counts', async ({ queue, pushOne, worker, job }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    const results = await queue.settle([settlement(claimed, complete({ result: '1' })), settlement(claimed, complete({ result: '2' }))])
    assert.deepEqual(results, ['settled', 'lost'])
    assert.equal((await job(id)).result, '1')
  })

  where(['ledger'], 'a claim settled twice in a large batch does not end another in its place', async ({ queue, pushMany, worker, job }) => {
    const ids = await pushMany(Array.from({ length: 8 }, () => ({})))
    const claimed = await (await worker()).take()
    // As many settlements as there are jobs from the first to the last, and one of those jobs is not among them.
    const settled = claimed.map((_, index) => claimed[index === 3 ? 2 : index] as (typeof claimed)[0])
    const results = await queue.settle(settled.map((lease) => settlement(lease, complete())))
    assert.deepEqual(results, ['settled', 'settled', 'settled', 'lost', 'settled', 'settled', 'settled', 'settled'])
    assert.equal((await job(ids[3] as string)).state, 'running')
  })

  where(['ledger'], 'what has ended never changes: a second end is lost', async ({ pushOne, worker, settle, job, clock }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    await settle(claimed, complete({ result: '1' }))
    const before = await job(id)
    clock.advance(SECOND)
    for (const outcome of [complete({ result: '2' }), fail(), cancel(), retry()]) assert.equal(await settle(claimed, outcome), 'lost')
    assert.deepEqual(await job(id), before)
  })

  check('settles a batch of five hundred', async ({ queue, pushMany, worker }) => {
    await pushMany(Array.from({ length: 500 }, () => ({})))
    const claimed = await (await worker()).take({ limit: 500, queues: new Map([['default', 500]]) })
    const results = await queue.settle(claimed.map((job) => settlement(job, complete({ result: '"done"' }))))
    assert.equal(results.filter((result) => result === 'settled').length, 500)
  })

  where(['ledger'], 'jobs enqueued on completion exist once it is settled', async ({ pushOne, worker, settle, ledger }) => {
    const id = await pushOne()
    const by = await worker()
    const claimed = await by.takeOne()
    const next = [newJob({ parentId: id, payload: '"a"' }), newJob({ parentId: id, delayMs: SECOND })]
    assert.equal(await settle(claimed, complete({ enqueue: next })), 'settled')
    const records = await ledger.get(next.map((job) => job.id))
    assert.deepEqual(
      records.map((record) => [record?.state, record?.parentId]),
      [
        ['available', id],
        ['scheduled', id],
      ],
    )
    assert.deepEqual(idsOf(await by.take()), [next[0]?.id])
  })

  where(['ledger'], 'jobs enqueued on a completion that was lost do not exist', async ({ pushOne, worker, settle, ledger }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    await settle(claimed, retry())
    const next = newJob()
    assert.equal(await settle(claimed, complete({ enqueue: [next] })), 'lost')
    assert.deepEqual(await ledger.get([next.id]), [null])
  })

  where(['ledger'], 'a completion’s jobs merge by id, so that a rerun does not double them', async ({ queue, pushOne, worker, settle, ledger }) => {
    const next = newJob({ payload: '"first"' })
    await queue.push([next])
    const id = await pushOne({ priority: 0 })
    const claimed = await (await worker()).takeOne()
    assert.equal(claimed.jobId, id)
    assert.equal(await settle(claimed, complete({ enqueue: [{ ...next, payload: '"second"' }] })), 'settled')
    assert.equal((await ledger.get([next.id]))[0]?.payload, '"first"')
  })

  where(['keys', 'ledger'], 'a completion stands although one of its jobs is refused', async ({ pushOne, worker, settle, job, ledger }) => {
    await pushOne({ unique: unique(), delayMs: SECOND })
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    const refused = newJob({ unique: unique({ whenTaken: 'reject' }) })
    const good = newJob()
    assert.equal(await settle(claimed, complete({ enqueue: [refused, good] })), 'settled')
    assert.equal((await job(id)).state, 'completed')
    assert.deepEqual(
      (await ledger.get([refused.id, good.id])).map((record) => record?.state ?? null),
      [null, 'available'],
    )
  })

  where(['keys'], 'a completion may enqueue the next job under its own live key', async ({ pushOne, worker, settle }) => {
    await pushOne({ unique: unique({ scope: 'live' }) })
    const by = await worker()
    const claimed = await by.takeOne()
    const next = newJob({ unique: unique({ scope: 'live' }) })
    assert.equal(await settle(claimed, complete({ enqueue: [next] })), 'settled')
    assert.deepEqual(idsOf(await by.take()), [next.id])
  })
})
