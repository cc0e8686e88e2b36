/** Topic without a ledger: what becomes of jobs of which there is no record to look at, seen from the next claim. */
import assert from 'node:assert/strict'
import type { ClaimedJob } from '../../contract/index.js'
import { cancel, complete, crash, fail, hold, idempotency, MINUTE, newJob, release, retry, SECOND, settlement, snooze } from './build.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const withoutLedgerTopic = topic('without a ledger', [], ({ without }) => {
  without('ledger', 'retry: the attempt counts, and the job comes again when due', async ({ pushOne, worker, settle, clock }) => {
    const id = await pushOne({ maxAttempts: 4 })
    const by = await worker()
    assert.equal(await settle(await by.takeOne(), retry(10 * SECOND)), 'settled')
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND)
    const [again] = await by.takeDue()
    assert.deepEqual([again?.jobId, again?.attempt, again?.token, again?.maxAttempts], [id, 2, 2, 4])
  })

  without('ledger', 'snooze: the attempt is refunded, and the job comes again when due', async ({ pushOne, worker, settle, clock }) => {
    const id = await pushOne()
    const by = await worker()
    assert.equal(await settle(await by.takeOne(), snooze(10 * SECOND)), 'settled')
    assert.deepEqual(await by.take(), [])
    clock.advance(10 * SECOND)
    const [again] = await by.takeDue()
    assert.deepEqual([again?.jobId, again?.attempt, again?.token], [id, 1, 2])
  })

  without(
    'ledger',
    'release: the attempt is refunded, and the job comes again at once, with its run time',
    async ({ pushOne, worker, settle, clock }) => {
      const id = await pushOne()
      const by = await worker()
      const claimed = await by.takeOne()
      clock.advance(SECOND)
      assert.equal(await settle(claimed, release), 'settled')
      const [again] = await by.takeDue()
      assert.deepEqual([again?.jobId, again?.attempt, again?.token, again?.runAt], [id, 1, 2, claimed.runAt])
    },
  )

  for (const outcome of [complete(), cancel(), fail(), hold]) {
    without('ledger', `after ${outcome.outcome} the job is not handed out again`, async ({ pushOne, worker, settle, clock }) => {
      await pushOne()
      const by = await worker()
      assert.equal(await settle(await by.takeOne(), outcome), 'settled')
      clock.advance(MINUTE)
      assert.deepEqual(await by.take(), [])
    })
  }

  without('ledger', 'jobs enqueued on completion exist once it is settled', async ({ pushOne, worker, settle }) => {
    const id = await pushOne()
    const by = await worker()
    const next = newJob({ parentId: id, payload: '"a"' })
    assert.equal(await settle(await by.takeOne(), complete({ enqueue: [next] })), 'settled')
    assert.deepEqual(
      (await by.takeDue()).map(({ jobId, parentId }) => [jobId, parentId]),
      [[next.id, id]],
    )
  })

  without('ledger', 'a completion with a job that it cannot keep is refused, and the claim goes on', async ({ backend, pushOne, worker, settle }) => {
    if (backend.capabilities.keys) return
    await pushOne()
    const claimed = await (await worker()).takeOne()
    const refused = newJob({ idempotency: idempotency() })
    await rejectsWith('UNSUPPORTED', () => settle(claimed, complete({ enqueue: [refused] })))
    assert.equal(await settle(claimed, complete()), 'settled')
  })

  without('ledger', 'of two settlements of one claim the first counts, among good ones', async ({ queue, pushMany, worker }) => {
    await pushMany([{}, {}])
    const by = await worker()
    const claimed = await by.take()
    const [one, two] = [claimed[0] as (typeof claimed)[0], claimed[1] as (typeof claimed)[0]]
    const settlements = [
      settlement(one, complete()),
      settlement(one, retry()),
      settlement({ ...two, token: 99 }, complete()),
      settlement(two, complete()),
    ]
    assert.deepEqual(await queue.settle(settlements), ['settled', 'lost', 'lost', 'settled'])
    assert.deepEqual(await by.take(), [])
  })

  without('ledger', 'what is late never starts', async ({ pushMany, worker, clock }) => {
    const [, , good] = await pushMany([{ startWithinMs: SECOND }, { giveUpAfterMs: SECOND }, { startWithinMs: MINUTE, giveUpAfterMs: MINUTE }])
    clock.advance(2 * SECOND)
    const by = await worker()
    assert.deepEqual(idsOf(await by.take()), [good])
    assert.deepEqual(await by.take(), [])
  })

  without('ledger', 'a job that was started no longer has a limit for its start', async ({ pushOne, worker, settle, clock }) => {
    const id = await pushOne({ startWithinMs: SECOND })
    const by = await worker()
    assert.equal(await settle(await by.takeOne(), retry(MINUTE)), 'settled')
    clock.advance(MINUTE)
    assert.deepEqual(idsOf(await by.takeDue()), [id])
  })

  without('ledger', 'what one worker cannot run waits for one that can, and costs no attempt', async ({ pushMany, worker, clock }) => {
    const ids = await pushMany([{ kind: 'unknown.kind' }, { version: 2 }])
    assert.deepEqual(await (await worker()).take(), [])
    clock.advance(MINUTE)
    const other = await worker()
    const able = { kinds: [...ABLE] }
    const found: ClaimedJob[] = [...(await other.takeDue(able))]
    // Each message waits for itself.
    if (found.length < ids.length) found.push(...(await other.takeDue(able)))
    assert.deepEqual(found.map(({ jobId, attempt }) => [jobId, attempt]).sort(), ids.map((id) => [id, 1]).sort())
  })

  without('ledger', 'a job seen in two deaths is taken only by a claim for suspects, and may complete', async ({ pushOne, worker, settle }) => {
    const id = await pushOne()
    const by = await worker()
    await settle(await by.takeOne(), crash())
    await settle((await by.takeDue())[0] as Parameters<typeof settle>[0], crash())
    const other = await pushOne()
    assert.deepEqual(idsOf(await by.take()), [other])
    const [suspect, ...more] = await by.takeDue({ alone: true })
    assert.deepEqual([suspect?.jobId, suspect?.alone, suspect?.attempt, suspect?.crashCount, more], [id, true, 1, 2, []])
    assert.equal(await settle(suspect as NonNullable<typeof suspect>, complete()), 'settled')
    assert.deepEqual(await by.take({ alone: true }), [])
  })

  without(
    'ledger',
    'what a handle held comes again when it closes',
    async ({ pushOne, backend, reopen, worker }) => {
      const id = await pushOne()
      const other = await reopen()
      await (await worker()).takeOne()
      assert.deepEqual(await (await worker({}, other)).take(), [])
      await backend.close()
      const [again] = await (await worker({}, other)).takeDue()
      assert.deepEqual([again?.jobId, again?.attempt], [id, 1])
    },
    ['crossProcess'],
  )
})

const ABLE = [
  { kind: 'unknown.kind', version: 1, leaseMs: null },
  { kind: 'conformance.job', version: 2, leaseMs: null },
]
