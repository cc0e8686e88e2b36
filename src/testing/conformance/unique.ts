/** Topic unique: at most one job per key while waiting, or while it lives. */
import assert from 'node:assert/strict'
import { cancel, complete, fail, MINUTE, newJob, release, retry, SECOND, snooze, unique } from './build.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const uniqueTopic = topic('unique', ['keys', 'ledger'], ({ check, without }) => {
  check('skip: the second push is a duplicate of the first', async ({ queue, pushOne, job, ledger }) => {
    const id = await pushOne({ unique: unique(), payload: '"first"' })
    const second = newJob({ unique: unique(), payload: '"second"' })
    assert.deepEqual(await queue.push([second]), [{ status: 'duplicate', id }])
    assert.equal((await job(id)).payload, '"first"')
    assert.equal((await job(id)).uniqueKey, 'the-key')
    assert.deepEqual(await ledger.get([second.id]), [null])
  })

  check('replace: the waiting job takes over payload, version, priority and run time', async ({ queue, pushOne, job, clock }) => {
    const id = await pushOne({ unique: unique(), payload: '"old"', delayMs: MINUTE })
    clock.advance(SECOND)
    const replacement = newJob({ unique: unique({ whenTaken: 'replace' }), payload: '"new"', version: 2, priority: 0, delayMs: 5 * SECOND })
    assert.deepEqual(await queue.push([replacement]), [{ status: 'replaced', id }])
    const record = await job(id)
    assert.deepEqual([record.payload, record.version, record.priority, record.runAt], ['"new"', 2, 0, clock.now() + 5 * SECOND])
  })

  check('replace: what is claimed is the replacement, once', async ({ queue, pushOne, worker }) => {
    const id = await pushOne({ unique: unique(), payload: '"old"', priority: 4 })
    await queue.push([newJob({ unique: unique({ whenTaken: 'replace' }), payload: '"new"', priority: 0 })])
    const taken = await (await worker()).take()
    assert.deepEqual(
      taken.map(({ jobId, payload, priority }) => [jobId, payload, priority]),
      [[id, '"new"', 0]],
    )
  })

  check('reject: a conflict that names the holder, and nothing written', async ({ queue, pushOne, job, ledger }) => {
    const id = await pushOne({ unique: unique(), payload: '"first"' })
    const second = newJob({ unique: unique({ whenTaken: 'reject', debounceMs: MINUTE }), payload: '"second"' })
    const before = await job(id)
    assert.deepEqual(await queue.push([second]), [{ status: 'conflict', on: 'unique', id }])
    assert.deepEqual(await job(id), before)
    assert.deepEqual(await ledger.get([second.id]), [null])
  })

  check('keys are apart by kind and by key', async ({ queue }) => {
    const results = await queue.push([
      newJob({ unique: unique() }),
      newJob({ unique: unique({ key: 'another' }) }),
      newJob({ unique: unique(), kind: 'other.kind' }),
      newJob({ unique: unique(), queue: 'other-queue' }),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['created', 'created', 'created', 'duplicate'],
    )
  })

  check('holds within one batch', async ({ queue }) => {
    const jobs = [newJob({ unique: unique() }), newJob(), newJob({ unique: unique() })]
    assert.deepEqual(await queue.push(jobs), [
      { status: 'created', id: jobs[0]?.id },
      { status: 'created', id: jobs[1]?.id },
      { status: 'duplicate', id: jobs[0]?.id },
    ])
  })

  check('waiting: a running job does not hold its key', async ({ queue, pushOne, worker }) => {
    await pushOne({ unique: unique() })
    await (await worker()).takeOne()
    assert.equal((await queue.push([newJob({ unique: unique() })]))[0]?.status, 'created')
  })

  check('live: a running job holds its key until it ends', async ({ queue, pushOne, worker, settle }) => {
    const id = await pushOne({ unique: unique({ scope: 'live' }) })
    const claimed = await (await worker()).takeOne()
    assert.deepEqual(await queue.push([newJob({ unique: unique({ scope: 'live' }) })]), [{ status: 'duplicate', id }])
    await settle(claimed, complete())
    assert.equal((await queue.push([newJob({ unique: unique({ scope: 'live' }) })]))[0]?.status, 'created')
  })

  check('live: a running holder is never replaced, and can be rejected upon', async ({ queue, pushOne, worker, job }) => {
    const id = await pushOne({ unique: unique({ scope: 'live' }), payload: '"running"' })
    await (await worker()).takeOne()
    const replace = newJob({ unique: unique({ scope: 'live', whenTaken: 'replace' }), payload: '"new"' })
    const reject = newJob({ unique: unique({ scope: 'live', whenTaken: 'reject' }) })
    assert.deepEqual(await queue.push([replace, reject]), [
      { status: 'duplicate', id },
      { status: 'conflict', on: 'unique', id },
    ])
    assert.equal((await job(id)).payload, '"running"')
  })

  check('live: it goes back to waiting under its own key', async ({ queue, pushOne, worker, settle }) => {
    const id = await pushOne({ unique: unique({ scope: 'live' }) })
    const by = await worker()
    assert.equal(await settle(await by.takeOne(), retry()), 'settled')
    assert.deepEqual(await queue.push([newJob({ unique: unique({ scope: 'live' }) })]), [{ status: 'duplicate', id }])
    assert.deepEqual(idsOf(await by.take()), [id])
  })

  for (const outcome of [retry(), snooze(), release]) {
    check(
      `waiting: ${outcome.outcome} after a newer job took the key cancels the old one as superseded`,
      async ({ pushOne, worker, settle, job }) => {
        const old = await pushOne({ unique: unique() })
        const by = await worker()
        const claimed = await by.takeOne()
        const newer = await pushOne({ unique: unique() })
        assert.equal(await settle(claimed, outcome), 'superseded')
        const record = await job(old)
        assert.deepEqual([record.state, record.reason], ['cancelled', 'superseded'])
        assert.deepEqual(idsOf(await by.take()), [newer])
      },
    )
  }

  check('a clash of one settlement does not touch its neighbours', async ({ queue, pushOne, pushMany, worker }) => {
    await pushOne({ unique: unique() })
    await pushMany([{}, {}])
    const by = await worker()
    const claimed = await by.take()
    await pushOne({ unique: unique() })
    const settlements = claimed.map(({ jobId, token, handle }) => ({ lease: { jobId, token, handle }, ...retry() }))
    assert.deepEqual(await queue.settle(settlements), ['superseded', 'settled', 'settled'])
  })

  check('every ending frees the key', async ({ pushOne, worker, settle, ledger }) => {
    const by = await worker()
    for (const outcome of [complete(), fail(), cancel()]) {
      await pushOne({ unique: unique({ scope: 'live' }) })
      assert.equal(await settle(await by.takeOne(), outcome), 'settled')
    }
    const waiting = await pushOne({ unique: unique() })
    assert.deepEqual(await ledger.cancel([waiting], { reason: 'no', retentionMs: MINUTE }), ['changed'])
    const removed = await pushOne({ unique: unique() })
    assert.deepEqual(await ledger.remove([removed]), ['changed'])
    await pushOne({ unique: unique() })
  })

  check('debounce: every push under the key moves the run time to a full wait from now', async ({ queue, pushOne, worker, clock }) => {
    const debounced = { unique: unique({ debounceMs: 10 * SECOND }) }
    const id = await pushOne(debounced)
    const by = await worker()
    for (let push = 0; push < 3; push += 1) {
      clock.advance(8 * SECOND)
      assert.deepEqual(await by.take(), [])
      assert.deepEqual(await queue.push([newJob(debounced)]), [{ status: 'duplicate', id }])
    }
    clock.advance(10 * SECOND - 1)
    assert.deepEqual(await by.take(), [])
    clock.advance(1)
    assert.deepEqual(idsOf(await by.take()), [id])
  })

  check('debounce with replace: the last payload runs, a full wait after the last push', async ({ queue, pushOne, worker, clock }) => {
    const debounced = unique({ debounceMs: 10 * SECOND, whenTaken: 'replace' })
    await pushOne({ unique: debounced, payload: '1' })
    clock.advance(5 * SECOND)
    await queue.push([newJob({ unique: debounced, payload: '2' })])
    const by = await worker()
    clock.advance(5 * SECOND)
    assert.deepEqual(await by.take(), [])
    clock.advance(5 * SECOND)
    assert.equal((await by.takeOne()).payload, '2')
  })

  check('debounce moves the start limit along', async ({ queue, pushOne, worker, clock }) => {
    const debounced = { unique: unique({ debounceMs: 10 * SECOND }), startWithinMs: 5 * SECOND }
    const id = await pushOne(debounced)
    clock.advance(9 * SECOND)
    await queue.push([newJob(debounced)])
    clock.advance(12 * SECOND)
    assert.deepEqual(idsOf(await (await worker()).take()), [id])
  })

  without('keys', 'refuses unique keys', async ({ queue }) => {
    await rejectsWith('UNSUPPORTED', () => queue.push([newJob({ unique: unique() })]))
  })
})
