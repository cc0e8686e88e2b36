/** Topic push: what is stored, and what the producer is told. */
import assert from 'node:assert/strict'
import { idempotency, MINUTE, newId, newJob, SECOND } from './build.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const pushTopic = topic('push', ['ledger'], ({ check, where, without }) => {
  check('stores every field as given, with instants of the store’s clock', async ({ queue, ledger, clock }) => {
    const job = newJob({
      kind: 'mail.welcome',
      version: 3,
      queue: 'mail',
      priority: 1,
      payload: '{"to":"ada@example.org"}',
      delayMs: 5 * SECOND,
      maxAttempts: 7,
      giveUpAfterMs: 60 * MINUTE,
      startWithinMs: 10 * MINUTE,
      group: 'tenant-1',
      tags: ['web', 'signup'],
      parentId: newId(),
      tick: { schedule: 'nightly', instant: 1_700_000_000_000 },
    })
    await queue.push([job])
    const [record] = await ledger.get([job.id])
    const now = clock.now()
    assert.deepEqual(
      { ...record, holdReason: null },
      {
        id: job.id,
        kind: job.kind,
        version: job.version,
        queue: job.queue,
        priority: job.priority,
        state: 'scheduled',
        holdReason: null,
        payload: job.payload,
        result: null,
        reason: null,
        failure: null,
        progress: null,
        attempt: 0,
        maxAttempts: 7,
        crashCount: 0,
        token: 0,
        createdAt: now,
        runAt: now + 5 * SECOND,
        claimedAt: null,
        finishedAt: null,
        giveUpAt: now + 60 * MINUTE,
        startBy: now + 5 * SECOND + 10 * MINUTE,
        cancelRequested: false,
        group: 'tenant-1',
        tags: ['web', 'signup'],
        uniqueKey: null,
        workerId: null,
        parentId: job.parentId,
        tick: job.tick,
      },
    )
  })

  check('an empty batch is no work', async ({ queue }) => {
    assert.deepEqual(await queue.push([]), [])
  })

  check('answers one result per job, in order', async ({ queue }) => {
    const jobs = Array.from({ length: 20 }, () => newJob())
    const results = await queue.push(jobs)
    assert.deepEqual(
      results,
      jobs.map(({ id }) => ({ status: 'created', id })),
    )
  })

  check('takes a batch of a thousand', async ({ queue, worker }) => {
    const jobs = Array.from({ length: 1_000 }, () => newJob())
    const results = await queue.push(jobs)
    assert.ok(results.every(({ status }) => status === 'created'))
    const taken = await (await worker()).take({ limit: 1_000, queues: new Map([['default', 1_000]]) })
    assert.deepEqual(
      idsOf(taken),
      jobs.map(({ id }) => id),
    )
  })

  check('known ids among many new ones are answered in their places', async ({ queue, worker }) => {
    const known = newJob()
    await queue.push([known])
    const fresh = Array.from({ length: 40 }, () => newJob())
    const pushed = [...fresh.slice(0, 10), known, ...fresh.slice(10, 30), fresh[29] as (typeof fresh)[0], ...fresh.slice(30)]
    const results = await queue.push(pushed)
    assert.deepEqual(
      results,
      pushed.map(({ id }, index) => ({ status: index === 10 || index === 31 ? 'duplicate' : 'created', id })),
    )
    const claimed = await (await worker()).take()
    assert.deepEqual(claimed.map(({ jobId }) => jobId).sort(), [known, ...fresh].map(({ id }) => id).sort())
  })

  check('merges a second push of the same id, whatever it carries', async ({ queue, job }) => {
    const first = newJob({ payload: '"first"' })
    await queue.push([first])
    const again = await queue.push([{ ...first, payload: '"second"' }])
    assert.deepEqual(again, [{ status: 'duplicate', id: first.id }])
    assert.equal((await job(first.id)).payload, '"first"')
  })

  check('merges the same id within one batch', async ({ queue }) => {
    const job = newJob()
    assert.deepEqual(await queue.push([job, job]), [
      { status: 'created', id: job.id },
      { status: 'duplicate', id: job.id },
    ])
  })

  check('merges a second push of an id that is running or has ended', async ({ queue, worker, settle, job }) => {
    const first = newJob()
    await queue.push([first])
    const claimed = await (await worker()).takeOne()
    assert.deepEqual(await queue.push([first]), [{ status: 'duplicate', id: first.id }])
    await settle(claimed, { outcome: 'complete', result: null, retentionMs: MINUTE, enqueue: [] })
    assert.deepEqual(await queue.push([first]), [{ status: 'duplicate', id: first.id }])
    assert.equal((await job(first.id)).state, 'completed')
  })

  where(['keys'], 'a job that is refused leaves its neighbours stored', async ({ queue, ledger }) => {
    await queue.push([newJob({ idempotency: idempotency({ payloadHash: 'other' }) })])
    const jobs = [newJob(), newJob({ idempotency: idempotency() }), newJob()]
    const results = await queue.push(jobs)
    assert.deepEqual(
      results.map(({ status }) => status),
      ['created', 'conflict', 'created'],
    )
    const records = await ledger.get(jobs.map(({ id }) => id))
    assert.deepEqual(
      records.map((record) => record?.state ?? null),
      ['available', null, 'available'],
    )
  })

  check('keeps payloads, groups and tags byte for byte', async ({ pushOne, job, worker }) => {
    const text = JSON.stringify({ quotes: `'"\`;--`, lines: 'a\nb\r\n', far: '日本語 😀 \u2028', zero: '\u0000' })
    const big = JSON.stringify('x'.repeat(200 * 1_024))
    const odd = await pushOne({ payload: text, group: "o'brien %_", tags: ['é', 'a,b', '"'] })
    const large = await pushOne({ payload: big })
    const record = await job(odd)
    assert.equal(record.payload, text)
    assert.equal(record.group, "o'brien %_")
    assert.deepEqual(record.tags, ['é', 'a,b', '"'])
    assert.deepEqual(
      (await (await worker()).take()).map(({ jobId, payload }) => [jobId, payload]),
      [
        [odd, text],
        [large, big],
      ],
    )
  })

  check('does not hold on to what the caller may change later', async ({ queue, job }) => {
    const tags = ['before']
    const pushed = newJob({ tags })
    await queue.push([pushed])
    tags[0] = 'after'
    assert.deepEqual((await job(pushed.id)).tags, ['before'])
  })

  where(
    ['durable', 'crossProcess'],
    'is durable once it resolves: another handle finds the job after this one is closed',
    async ({ backend, pushOne, reopen }) => {
      const id = await pushOne()
      const other = await reopen()
      await backend.close()
      assert.equal((await other.ledger.get([id]))[0]?.state, 'available')
    },
  )

  without(
    'ledger',
    'is durable once it resolves: another handle claims the job after this one is closed',
    async ({ backend, pushOne, reopen, worker }) => {
      const id = await pushOne()
      const other = await reopen()
      await backend.close()
      assert.deepEqual(idsOf(await (await worker({}, other)).takeDue()), [id])
    },
    ['durable', 'crossProcess'],
  )

  without('ledger', 'keeps payloads, groups and tags byte for byte', async ({ pushOne, worker }) => {
    const text = JSON.stringify({ quotes: `'"\`;--`, lines: 'a\nb\r\n', far: '日本語 😀 \u2028', zero: '\u0000' })
    const job = { payload: text, group: "o'brien %_", tags: ['é', 'a,b', '"'] }
    await pushOne(job)
    const { payload, group, tags } = await (await worker()).takeOne()
    assert.deepEqual({ payload, group, tags }, job)
  })

  without('durable', 'makes no promise beyond its process: a second handle cannot be had', async ({ backend, reopenable }) => {
    assert.equal(backend.capabilities.crossProcess, false, 'what does not outlive a process cannot be shared by two')
    assert.equal(reopenable, false)
  })
})
