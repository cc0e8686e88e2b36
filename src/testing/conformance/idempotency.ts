/** Topic idempotency: the same request is the same job. */
import assert from 'node:assert/strict'
import { complete, DAY, HOUR, idempotency, newJob, unique } from './build.js'
import { rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const idempotencyTopic = topic('idempotency', ['keys', 'ledger'], ({ check, where, without }) => {
  check('the same key and payload stand for the first job', async ({ queue, pushOne, ledger }) => {
    const id = await pushOne({ idempotency: idempotency() })
    const again = newJob({ idempotency: idempotency() })
    assert.deepEqual(await queue.push([again]), [{ status: 'duplicate', id }])
    assert.deepEqual(await ledger.get([again.id]), [null])
  })

  check('another payload under the same key is a conflict, and nothing is written', async ({ queue, pushOne, ledger }) => {
    const id = await pushOne({ idempotency: idempotency() })
    const other = newJob({ idempotency: idempotency({ payloadHash: 'hash-b' }) })
    assert.deepEqual(await queue.push([other]), [{ status: 'conflict', on: 'idempotency', id }])
    assert.deepEqual(await ledger.get([other.id]), [null])
  })

  check('keys are scoped to the kind', async ({ pushMany }) => {
    await pushMany([{ idempotency: idempotency() }, { idempotency: idempotency(), kind: 'other.kind' }])
  })

  check('holds within one batch', async ({ queue }) => {
    const jobs = [
      newJob({ idempotency: idempotency() }),
      newJob({ idempotency: idempotency() }),
      newJob({ idempotency: idempotency({ payloadHash: 'hash-b' }) }),
    ]
    const id = jobs[0]?.id
    assert.deepEqual(await queue.push(jobs), [
      { status: 'created', id },
      { status: 'duplicate', id },
      { status: 'conflict', on: 'idempotency', id },
    ])
  })

  where(
    ['retentionMsMin'],
    'stands after the job has ended and even after its record was pruned',
    async ({ queue, pushOne, worker, settle, ledger, clock }) => {
      const id = await pushOne({ idempotency: idempotency() })
      await settle(await (await worker()).takeOne(), complete({ retentionMs: HOUR }))
      assert.deepEqual(await queue.push([newJob({ idempotency: idempotency() })]), [{ status: 'duplicate', id }])
      clock.advance(2 * HOUR)
      assert.equal(await ledger.prune({ limit: 10 }), 1)
      assert.deepEqual(await queue.push([newJob({ idempotency: idempotency() })]), [{ status: 'duplicate', id }])
    },
  )

  check('runs out after its time by the store’s clock', async ({ queue, pushOne, clock }) => {
    const id = await pushOne({ idempotency: idempotency({ ttlMs: DAY }) })
    clock.advance(DAY - 1)
    assert.deepEqual(await queue.push([newJob({ idempotency: idempotency({ ttlMs: DAY }) })]), [{ status: 'duplicate', id }])
    clock.advance(2)
    const later = newJob({ idempotency: idempotency({ ttlMs: DAY, payloadHash: 'hash-b' }) })
    assert.deepEqual(await queue.push([later]), [{ status: 'created', id: later.id }])
    assert.deepEqual(await queue.push([newJob({ idempotency: idempotency({ payloadHash: 'hash-b' }) })]), [{ status: 'duplicate', id: later.id }])
  })

  check('a request that merged into a unique job stands for that job', async ({ queue, pushOne }) => {
    const id = await pushOne({ unique: unique() })
    assert.deepEqual(await queue.push([newJob({ unique: unique(), idempotency: idempotency() })]), [{ status: 'duplicate', id }])
    assert.deepEqual(await queue.push([newJob({ idempotency: idempotency() })]), [{ status: 'duplicate', id }])
  })

  check('a refused request leaves its key unused', async ({ queue, pushOne, ledger }) => {
    const holder = await pushOne({ unique: unique() })
    const refused = newJob({ unique: unique({ whenTaken: 'reject' }), idempotency: idempotency() })
    assert.deepEqual(await queue.push([refused]), [{ status: 'conflict', on: 'unique', id: holder }])
    await ledger.remove([holder])
    assert.deepEqual(await queue.push([refused]), [{ status: 'created', id: refused.id }])
  })

  without('keys', 'refuses idempotency keys', async ({ queue }) => {
    await rejectsWith('UNSUPPORTED', () => queue.push([newJob({ idempotency: idempotency() })]))
  })
})
