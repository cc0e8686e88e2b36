/** Topic transaction: what joins the caller's transaction exists exactly when that commits. */
import assert from 'node:assert/strict'
import type { NewJob } from '../../contract/index.js'
import { complete, idempotency, newJob, retry, settlement, unique } from './build.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const transactionTopic = topic('transaction', ['transactions', 'ledger'], ({ check, where, without }) => {
  check('a push exists once its transaction commits', async ({ queue, transaction, worker }) => {
    const job = newJob()
    const caller = await transaction()
    assert.deepEqual(await queue.push([job], { tx: caller.tx }), [{ status: 'created', id: job.id }])
    await caller.commit()
    assert.deepEqual(idsOf(await (await worker()).take()), [job.id])
  })

  check('a push whose transaction rolls back never existed, and its id and keys are free', async ({ queue, ledger, transaction }) => {
    const job = newJob({ idempotency: idempotency(), unique: unique() })
    const caller = await transaction()
    await queue.push([job], { tx: caller.tx })
    await caller.rollback()
    assert.deepEqual(await ledger.get([job.id]), [null])
    assert.deepEqual(await queue.push([job]), [{ status: 'created', id: job.id }])
  })

  check('a conflict within the transaction leaves it usable', async ({ queue, pushOne, ledger, transaction }) => {
    const holder = await pushOne({ unique: unique() })
    const jobs: readonly NewJob[] = [newJob(), newJob({ unique: unique({ whenTaken: 'reject' }) }), newJob()]
    const caller = await transaction()
    assert.deepEqual(await queue.push(jobs, { tx: caller.tx }), [
      { status: 'created', id: jobs[0]?.id },
      { status: 'conflict', on: 'unique', id: holder },
      { status: 'created', id: jobs[2]?.id },
    ])
    await caller.commit()
    assert.deepEqual(
      (await ledger.get(jobs.map(({ id }) => id))).map((record) => record !== null),
      [true, false, true],
    )
  })

  check('a completion counts once its transaction commits', async ({ queue, pushOne, worker, job, ledger, transaction }) => {
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    const next = newJob()
    const caller = await transaction()
    assert.deepEqual(await queue.settle([settlement(claimed, complete({ result: '1', enqueue: [next] }))], { tx: caller.tx }), ['settled'])
    await caller.commit()
    assert.deepEqual([(await job(id)).state, (await job(id)).result], ['completed', '1'])
    assert.equal((await ledger.get([next.id]))[0]?.state, 'available')
  })

  check(
    'a completion whose transaction rolls back leaves the job running under its lease',
    async ({ queue, pushOne, worker, settle, job, ledger, transaction }) => {
      const id = await pushOne()
      const claimed = await (await worker()).takeOne()
      const next = newJob()
      const caller = await transaction()
      await queue.settle([settlement(claimed, complete({ enqueue: [next] }))], { tx: caller.tx })
      await caller.rollback()
      assert.equal((await job(id)).state, 'running')
      assert.deepEqual(await ledger.get([next.id]), [null])
      assert.equal(await settle(claimed, complete()), 'settled')
    },
  )

  check('a stale token is lost within a transaction too', async ({ queue, pushOne, worker, settle, transaction }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    await settle(claimed, retry())
    const caller = await transaction()
    assert.deepEqual(await queue.settle([settlement(claimed, complete())], { tx: caller.tx }), ['lost'])
    await caller.commit()
  })

  check('what is no transaction of this database is refused', async ({ queue }) => {
    await rejectsWith('TRANSACTION_INVALID', () => queue.push([newJob()], { tx: {} }))
    await rejectsWith('TRANSACTION_INVALID', () => queue.push([newJob()], { tx: 'begin' }))
  })

  where(['synchronousPush'], 'a synchronous push joins the transaction at once', async ({ queue, ledger, transaction }) => {
    const [kept, dropped] = [newJob(), newJob()]
    const push = queue.pushSync
    assert.ok(push, 'a backend with synchronousPush has pushSync')
    const first = await transaction()
    assert.deepEqual(push([kept], { tx: first.tx }), [{ status: 'created', id: kept.id }])
    await first.commit()
    const second = await transaction()
    push([dropped], { tx: second.tx })
    await second.rollback()
    assert.deepEqual(
      (await ledger.get([kept.id, dropped.id])).map((record) => record !== null),
      [true, false],
    )
  })

  without('transactions', 'refuses to push or settle in a transaction, and writes nothing', async ({ queue, pushOne, worker, settle }) => {
    await rejectsWith('UNSUPPORTED', () => queue.push([newJob()], { tx: {} }))
    const id = await pushOne()
    const claimed = await (await worker()).takeOne()
    assert.equal(claimed.jobId, id, 'the refused push left no job before this one')
    await rejectsWith('UNSUPPORTED', () => queue.settle([settlement(claimed, complete())], { tx: {} }))
    assert.equal(await settle(claimed, complete()), 'settled')
  })

  without('synchronousPush', 'has no synchronous push or settlement', async ({ queue }) => {
    assert.deepEqual([queue.pushSync, queue.settleSync], [undefined, undefined])
  })
})
