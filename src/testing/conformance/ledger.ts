/** Topic ledger: what is remembered, listed and counted, and what of it people may change. */
import assert from 'node:assert/strict'
import type { JobQuery, JobRecord } from '../../contract/index.js'
import { JOB_STATES } from '../../core/state.js'
import { complete, fail, MINUTE, newJob, retry, SECOND, unique } from './build.js'
import type { Stage } from './stage.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

const UNKNOWN = '01890000-0000-7000-8000-000000000000'

export const ledgerTopic = topic('ledger', ['ledger'], ({ check, where, without }) => {
  check('get answers in the order asked, null for the unknown', async ({ ledger, pushMany }) => {
    const [a, b] = (await pushMany([{}, {}])) as [string, string]
    const records = await ledger.get([b, UNKNOWN, a, b])
    assert.deepEqual(
      records.map((record) => record?.id ?? null),
      [b, null, a, b],
    )
  })

  check('list shows the newest first', async ({ ledger, pushOne, clock }) => {
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      ids.unshift(await pushOne())
      clock.advance(1)
    }
    const page = await ledger.list({ limit: 10 })
    assert.deepEqual([page.jobs.map(({ id }) => id), page.next], [ids, null])
  })

  check('a list of what was never stored is empty, in every state', async ({ ledger, pushOne }) => {
    await pushOne()
    for (const state of JOB_STATES) {
      for (const filter of [{ queue: 'never.stored' }, { kind: 'never.stored' }, { group: 'never.stored' }, { tag: 'never.stored' }]) {
        assert.deepEqual(await ledger.list({ ...filter, states: [state], limit: 10 }), { jobs: [], next: null }, JSON.stringify([filter, state]))
      }
    }
  })

  check('pages meet every job once, without gap or repeat, while others are pushed', async ({ ledger, pushOne, clock }) => {
    const ids: string[] = []
    for (let count = 0; count < 25; count += 1) {
      ids.unshift(await pushOne())
      if (count % 3 === 0) clock.advance(1)
    }
    const seen: string[] = []
    let cursor: string | null | undefined
    while (cursor !== null) {
      const page = await ledger.list({ limit: 4, ...(cursor === undefined ? {} : { cursor }) })
      seen.push(...page.jobs.map(({ id }) => id))
      assert.ok(seen.length <= ids.length, 'pages end')
      cursor = page.next
      clock.advance(1)
      await pushOne()
    }
    assert.deepEqual(seen, ids)
  })

  check('a cursor from elsewhere is refused', async ({ ledger }) => {
    await rejectsWith('CURSOR_INVALID', () => ledger.list({ limit: 10, cursor: 'nonsense' }))
    await rejectsWith('CURSOR_INVALID', () => ledger.list({ limit: 10, cursor: '' }))
  })

  check('list filters by queue, kind, group, tag and state, also together and over pages', async (stage) => {
    await stage.pushMany([
      { queue: 'a', kind: 'k1', group: 'g1', tags: ['red', 'big'] },
      { queue: 'a', kind: 'k2', group: 'g2', tags: ['red'], delayMs: MINUTE },
      { queue: 'b', kind: 'k1', group: 'g1', tags: ['re'], delayMs: MINUTE },
      { queue: 'b', kind: 'k2', group: null, tags: [] },
    ])
    const count = async (query: Omit<JobQuery, 'limit'>): Promise<number> => (await everyPage(stage, query)).length
    assert.equal(await count({ queue: 'a' }), 2)
    assert.equal(await count({ kind: 'k1' }), 2)
    assert.equal(await count({ group: 'g1' }), 2)
    assert.equal(await count({ tag: 'red' }), 2)
    assert.equal(await count({ states: ['scheduled'] }), 2)
    assert.equal(await count({ states: ['scheduled', 'available'] }), 4)
    assert.equal(await count({ states: [] }), 0)
    assert.equal(await count({ queue: 'a', kind: 'k1', group: 'g1', tag: 'big', states: ['available'] }), 1)
    assert.equal(await count({ queue: 'a', group: 'g1', states: ['scheduled'] }), 0)
  })

  check('stats count by state, per queue, in the order asked', async ({ ledger, pushMany, worker, settle }) => {
    await pushMany([{ priority: 0 }, { priority: 0 }, { priority: 0 }, { priority: 0 }, {}, {}, { delayMs: MINUTE }, { queue: 'other' }])
    const by = await worker()
    const claimed = await by.take({ limit: 4 })
    await settle(claimed[0] as (typeof claimed)[0], complete())
    await settle(claimed[1] as (typeof claimed)[0], retry(MINUTE))
    await settle(claimed[2] as (typeof claimed)[0], fail())
    const stats = await ledger.stats({ queues: ['other', 'default'], countCap: 100, windowMs: MINUTE })
    assert.deepEqual(
      stats.map(({ queue }) => queue),
      ['other', 'default'],
    )
    assert.deepEqual(stats[1]?.counts, { scheduled: 1, available: 2, running: 1, retryable: 1, completed: 1, cancelled: 0, failed: 1 })
    assert.deepEqual(stats[1]?.recent, { windowMs: MINUTE, completed: 1, retried: 1, failed: 1 })
    assert.equal(stats[1]?.paused, false)
  })

  check('stats of all queues name every queue that has jobs', async ({ ledger, pushMany }) => {
    await pushMany([{ queue: 'b' }, { queue: 'a' }, { queue: 'b' }])
    const stats = await ledger.stats({ queues: null, countCap: 100, windowMs: MINUTE })
    assert.deepEqual(stats.map(({ queue, counts }) => [queue, counts.available]).sort(), [
      ['a', 1],
      ['b', 2],
    ])
  })

  check('counts stop at the cap', async ({ ledger, pushMany }) => {
    await pushMany(Array.from({ length: 12 }, () => ({})))
    const [stats] = await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE })
    assert.equal(stats?.counts.available, 10)
  })

  check('recent ends leave the window', async ({ ledger, pushOne, worker, settle, clock }) => {
    await pushOne()
    await settle(await (await worker()).takeOne(), complete())
    clock.advance(MINUTE + 1)
    const [stats] = await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE })
    assert.deepEqual([stats?.recent.completed, stats?.counts.completed], [0, 1])
  })

  where(
    ['coordination'],
    'latency is the age of the oldest job that is ready, null without a backlog',
    async ({ ledger, pushMany, worker, clock }) => {
      const latency = async () => (await ledger.stats({ queues: ['default'], countCap: 10, windowMs: MINUTE }))[0]?.latencyMs
      const by = await worker()
      assert.equal(await latency(), null)
      await pushMany([{ delayMs: SECOND }, { delayMs: 5 * SECOND }])
      assert.equal(await latency(), null)
      clock.advance(4 * SECOND)
      assert.equal(await latency(), 3 * SECOND)
      await by.takeOne()
      assert.equal(await latency(), null)
    },
  )

  check('remove forgets waiting and ended jobs, not running ones', async ({ ledger, pushMany, worker, settle }) => {
    const [ended, running, waiting] = (await pushMany([{}, {}, {}])) as [string, string, string]
    const by = await worker()
    await settle(await by.takeOne(), complete())
    const claimed = await by.takeOne()
    assert.deepEqual(await ledger.remove([ended, running, waiting, UNKNOWN]), ['changed', 'unchanged', 'changed', 'unknown'])
    assert.deepEqual(
      (await ledger.get([ended, running, waiting])).map((record) => record?.id ?? null),
      [null, running, null],
    )
    assert.equal(await settle(claimed, complete()), 'settled')
    assert.deepEqual(await by.take(), [])
  })

  check('update changes a waiting job and is what is claimed', async ({ ledger, pushOne, worker, clock }) => {
    const id = await pushOne()
    assert.equal(await ledger.update(id, { payload: '"new"', priority: 0, maxAttempts: 3, tags: ['edited'], delayMs: 5 * SECOND }), 'changed')
    const by = await worker()
    assert.deepEqual(await by.take(), [])
    clock.advance(5 * SECOND)
    const claimed = await by.takeOne()
    assert.deepEqual([claimed.payload, claimed.priority, claimed.maxAttempts, claimed.tags], ['"new"', 0, 3, ['edited']])
  })

  check('update leaves what it does not name', async ({ ledger, pushOne, job }) => {
    const id = await pushOne({ payload: '"kept"', tags: ['kept'], group: 'g', delayMs: MINUTE })
    const before = await job(id)
    assert.equal(await ledger.update(id, { priority: 1 }), 'changed')
    assert.deepEqual(await job(id), { ...before, priority: 1 })
  })

  check('update can bring a scheduled job forward, and its start limit moves along', async ({ ledger, pushOne, worker, job, clock }) => {
    const id = await pushOne({ delayMs: MINUTE, startWithinMs: SECOND })
    assert.equal(await ledger.update(id, { runAt: clock.now() + 30 * SECOND }), 'changed')
    assert.equal((await job(id)).startBy, clock.now() + 31 * SECOND)
    clock.advance(30 * SECOND)
    assert.deepEqual(idsOf(await (await worker()).take()), [id])
  })

  check('update does not touch running, ended or unknown jobs', async ({ ledger, pushMany, worker, settle, job }) => {
    const [ended, running] = (await pushMany([{}, {}])) as [string, string]
    const by = await worker()
    await settle(await by.takeOne(), complete())
    await by.takeOne()
    const before = [await job(ended), await job(running)]
    assert.deepEqual(
      [
        await ledger.update(ended, { payload: '"x"' }),
        await ledger.update(running, { payload: '"x"' }),
        await ledger.update(UNKNOWN, { priority: 1 }),
      ],
      ['unchanged', 'unchanged', 'unknown'],
    )
    assert.deepEqual([await job(ended), await job(running)], before)
  })

  where(['keys'], 'retry of a job whose key another holds is a conflict', async ({ ledger, pushOne, job, worker, settle }) => {
    const old = await pushOne({ unique: unique() })
    await settle(await (await worker()).takeOne(), fail())
    await pushOne({ unique: unique() })
    const before = await job(old)
    assert.deepEqual(await ledger.retry([old]), ['conflict'])
    assert.deepEqual(await job(old), before)
  })

  where(['keys'], 'a retried job holds its key again', async ({ ledger, queue, pushOne, worker, settle }) => {
    const id = await pushOne({ unique: unique() })
    await settle(await (await worker()).takeOne(), fail())
    assert.deepEqual(await ledger.retry([id]), ['changed'])
    assert.deepEqual(await queue.push([newJob({ unique: unique() })]), [{ status: 'duplicate', id }])
  })

  without('ledger', 'refuses to find, list, cancel and retry', async ({ ledger }) => {
    await rejectsWith('UNSUPPORTED', () => ledger.get([UNKNOWN]))
    await rejectsWith('UNSUPPORTED', () => ledger.list({ limit: 10 }))
    await rejectsWith('UNSUPPORTED', () => ledger.cancel([UNKNOWN], { reason: 'no', retentionMs: MINUTE }))
    await rejectsWith('UNSUPPORTED', () => ledger.retry([UNKNOWN]))
  })
})

/** All jobs of a query, two at a time. */
async function everyPage({ ledger }: Stage, query: Omit<JobQuery, 'limit'>): Promise<readonly JobRecord[]> {
  const jobs: JobRecord[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page = await ledger.list({ ...query, limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    jobs.push(...page.jobs)
    cursor = page.next
  }
  return jobs
}
