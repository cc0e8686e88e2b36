/** Topic claim: who gets which job, and what a claim changes. */
import assert from 'node:assert/strict'
import { KIND, MINUTE, retry, SECOND } from './build.js'
import { idsOf, kinds, queues } from './stage.js'
import { topic } from './suite.js'

export const claimTopic = topic('claim', [], ({ check, where }) => {
  check('finds nothing in an empty store, and does not wait', async ({ worker }) => {
    assert.deepEqual(await (await worker()).ask(), { jobs: [], nextDueInMs: null, suspectsWait: false })
  })

  check('hands the job over whole', async ({ pushOne, worker, clock }) => {
    const id = await pushOne({ payload: '[1]', priority: 3, group: 'g', tags: ['t'], maxAttempts: 4, giveUpAfterMs: MINUTE })
    const pushedAt = clock.now()
    clock.advance(SECOND)
    const { handle: _handle, ...claimed } = await (await worker()).takeOne()
    assert.deepEqual(claimed, {
      jobId: id,
      token: 1,
      kind: KIND,
      version: 1,
      queue: 'default',
      priority: 3,
      payload: '[1]',
      attempt: 1,
      maxAttempts: 4,
      crashCount: 0,
      alone: false,
      createdAt: pushedAt,
      runAt: pushedAt,
      claimedAt: clock.now(),
      giveUpAt: pushedAt + MINUTE,
      group: 'g',
      tags: ['t'],
      parentId: null,
      tick: null,
    })
  })

  where(['ledger'], 'marks the job running under its worker', async ({ pushOne, worker, job, clock }) => {
    const id = await pushOne()
    const by = await worker()
    await by.takeOne()
    const record = await job(id)
    assert.deepEqual(
      [record.state, record.workerId, record.attempt, record.token, record.claimedAt, record.holdReason],
      ['running', by.id, 1, 1, clock.now(), null],
    )
  })

  check('never hands a claimed job to a second worker', async ({ pushMany, worker }) => {
    const ids = await pushMany([{}, {}, {}])
    const first = await (await worker()).take({ limit: 2 })
    const second = await (await worker()).take()
    assert.deepEqual([...idsOf(first), ...idsOf(second)], ids)
  })

  check('raises the token at every claim, the attempt only when it counts', async ({ pushOne, worker, settle }) => {
    await pushOne()
    const by = await worker()
    const first = await by.takeOne()
    await settle(first, { outcome: 'snooze', delayMs: 0 })
    const second = await by.takeOne()
    await settle(second, retry())
    const third = await by.takeOne()
    assert.deepEqual(
      [first, second, third].map(({ token, attempt }) => [token, attempt]),
      [
        [1, 1],
        [2, 1],
        [3, 2],
      ],
    )
  })

  check('takes no more than the limit in all', async ({ pushMany, worker }) => {
    const ids = await pushMany(Array.from({ length: 5 }, () => ({})))
    assert.deepEqual(idsOf(await (await worker()).take({ limit: 3 })), ids.slice(0, 3))
  })

  check('a limit of nothing takes nothing', async ({ pushOne, worker }) => {
    await pushOne()
    const by = await worker()
    assert.deepEqual(await by.take({ limit: 0 }), [])
    assert.equal((await by.take()).length, 1)
  })

  check('takes no more from a queue than its share', async ({ pushMany, worker }) => {
    await pushMany([{ queue: 'a' }, { queue: 'a' }, { queue: 'a' }, { queue: 'b' }, { queue: 'b' }, { queue: 'c' }])
    const by = await worker({ queues: ['a', 'b', 'c'] })
    const taken = await by.take({
      queues: new Map([
        ['a', 1],
        ['b', 2],
        ['c', 0],
      ]),
    })
    assert.deepEqual(taken.map(({ queue }) => queue).sort(), ['a', 'b', 'b'])
  })

  check('does not see queues it does not serve', async ({ pushOne, worker }) => {
    await pushOne({ queue: 'elsewhere' })
    assert.deepEqual(await (await worker()).ask(), { jobs: [], nextDueInMs: null, suspectsWait: false })
  })

  check('does not see kinds it cannot run, and is not blocked by them', async ({ pushMany, worker }) => {
    const ids = await pushMany([{ kind: 'unknown.kind', priority: 0 }, { kind: 'unknown.kind', priority: 0 }, {}])
    assert.deepEqual(idsOf(await (await worker()).take({ limit: 1 })), ids.slice(2))
  })

  where(['ledger'], 'leaves a job of an unknown kind untouched', async ({ pushOne, worker, job }) => {
    const id = await pushOne({ kind: 'unknown.kind' })
    await (await worker()).take()
    const record = await job(id)
    assert.deepEqual([record.state, record.attempt, record.token], ['available', 0, 0])
  })

  check('sees lower versions and the same, but no higher one', async ({ pushMany, worker }) => {
    const ids = await pushMany([{ version: 3 }, { version: 2 }, { version: 1 }])
    const taken = await (await worker()).take({ kinds: [{ kind: KIND, version: 2, leaseMs: null }] })
    assert.deepEqual(idsOf(taken), ids.slice(1))
  })

  check('serves several kinds and queues in one claim, oldest first over all of them', async ({ pushMany, worker }) => {
    const ids = await pushMany([
      { kind: 'b', queue: 'q2' },
      { kind: 'a', queue: 'q1' },
      { kind: 'a', queue: 'q2' },
      { kind: 'b', queue: 'q2' },
      { kind: 'b', queue: 'q1' },
    ])
    const by = await worker({ queues: ['q1', 'q2'] })
    assert.deepEqual(idsOf(await by.take({ kinds: kinds('a', 'b'), queues: queues('q1', 'q2') })), ids)
  })

  where(['coordination'], 'gives nothing to a worker nobody knows, or that was declared dead', async ({ pushOne, worker, coordination, clock }) => {
    await pushOne()
    const dead = await worker({ leaseMs: SECOND })
    clock.advance(2 * SECOND)
    assert.deepEqual(await coordination.reapWorkers(), [dead.id])
    assert.deepEqual(await dead.take(), [])
    const left = await worker()
    await coordination.deregisterWorker(left.id)
    assert.deepEqual(await left.take(), [])
    assert.equal((await (await worker()).take()).length, 1)
  })
})
