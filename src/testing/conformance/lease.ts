/** Topic lease: how long a claim holds, and that nothing of an old holder counts after it. */
import assert from 'node:assert/strict'
import { complete, crash, DAY, leaseOf, MINUTE, release, retry, SECOND, snooze } from './build.js'
import { leased } from './stage.js'
import { topic } from './suite.js'

export const leaseTopic = topic('lease', [], ({ check, where, without }) => {
  check('no lease has lapsed while its worker lives and its time lasts', async ({ pushOne, worker, queue, clock }) => {
    await pushOne()
    await (await worker()).takeOne(leased(MINUTE))
    clock.advance(MINUTE - 1)
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
  })

  where(['ledger'], 'lapses by timeout under a living worker, and stays lapsed until settled', async ({ pushOne, worker, queue, settle, clock }) => {
    const id = await pushOne({ maxAttempts: 4, giveUpAfterMs: DAY })
    const pushedAt = clock.now()
    const by = await worker()
    const claimed = await by.takeOne(leased(MINUTE))
    clock.advance(MINUTE)
    const [lapsed, ...more] = await queue.lapsed({ limit: 10 })
    assert.deepEqual(more, [])
    const { handle: _handle, ...facts } = lapsed as NonNullable<typeof lapsed>
    assert.deepEqual(facts, {
      jobId: id,
      token: claimed.token,
      kind: claimed.kind,
      queue: 'default',
      cause: 'timeout',
      workerId: by.id,
      attempt: 1,
      maxAttempts: 4,
      crashCount: 0,
      alone: false,
      forwarding: false,
      claimedAt: pushedAt,
      giveUpAt: pushedAt + DAY,
      now: clock.now(),
    })
    assert.equal((await queue.lapsed({ limit: 10 })).length, 1)
    assert.equal(await settle(lapsed as NonNullable<typeof lapsed>, retry()), 'settled')
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
  })

  where(['leaseMsMax'], 'a lease without end holds as long as its worker lives', async ({ pushOne, worker, queue, clock }) => {
    await pushOne()
    await (await worker()).takeOne(leased(null))
    clock.advance(100 * DAY)
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
  })

  where(['ledger'], 'each kind has its own lease', async ({ pushMany, worker, queue, clock }) => {
    const [, short] = await pushMany([{ kind: 'long' }, { kind: 'short' }])
    const kinds = [
      { kind: 'long', version: 1, leaseMs: 10 * MINUTE },
      { kind: 'short', version: 1, leaseMs: MINUTE },
    ]
    await (await worker()).take({ kinds })
    clock.advance(2 * MINUTE)
    assert.deepEqual(
      (await queue.lapsed({ limit: 10 })).map(({ jobId }) => jobId),
      [short],
    )
  })

  where(['coordination'], 'lapses by death once its worker is declared dead', async ({ pushMany, worker, queue, coordination, clock }) => {
    await pushMany([{}, {}])
    const by = await worker({ leaseMs: 10 * SECOND })
    await by.take()
    clock.advance(11 * SECOND)
    await coordination.reapWorkers()
    const lapsed = await queue.lapsed({ limit: 10 })
    assert.deepEqual(
      lapsed.map(({ cause, workerId }) => [cause, workerId]),
      [
        ['death', by.id],
        ['death', by.id],
      ],
    )
    assert.equal((await queue.lapsed({ limit: 1 })).length, 1, 'the limit holds')
  })

  where(['coordination'], 'lapses at once when its worker deregisters without settling', async ({ pushOne, worker, queue, coordination }) => {
    const id = await pushOne()
    const by = await worker()
    await by.take()
    await coordination.deregisterWorker(by.id)
    assert.deepEqual(
      (await queue.lapsed({ limit: 10 })).map(({ jobId, cause }) => [jobId, cause]),
      [[id, 'death']],
    )
  })

  where(['coordination'], 'a heartbeat keeps every lease of its worker', async ({ pushMany, worker, queue, coordination, clock }) => {
    await pushMany([{}, {}])
    const by = await worker({ leaseMs: 10 * SECOND })
    const heartbeat = await by.heartbeat()
    const claimed = await by.take()
    for (let beat = 0; beat < 5; beat += 1) {
      clock.advance(8 * SECOND)
      const { alive, held } = await heartbeat.beat()
      assert.equal(alive, true)
      assert.deepEqual(
        held.map(({ jobId, token, cancelRequested }) => [jobId, token, cancelRequested]).sort(),
        claimed.map(({ jobId, token }) => [jobId, token, false]).sort(),
      )
    }
    assert.deepEqual(await coordination.reapWorkers(), [])
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
  })

  where(['coordination'], 'a heartbeat does not keep a lease past its own time', async ({ pushOne, worker, queue, clock }) => {
    await pushOne()
    const by = await worker()
    const heartbeat = await by.heartbeat()
    await by.takeOne(leased(MINUTE))
    clock.advance(MINUTE)
    await heartbeat.beat()
    assert.equal((await queue.lapsed({ limit: 10 }))[0]?.cause, 'timeout')
  })

  where(['coordination'], 'a settled claim is no longer among those held', async ({ pushMany, worker, settle }) => {
    const ids = await pushMany([{}, {}])
    const by = await worker()
    const heartbeat = await by.heartbeat()
    const claimed = await by.take()
    await settle(claimed[0] as (typeof claimed)[0], complete())
    const { held } = await heartbeat.beat()
    assert.deepEqual(
      held.map(({ jobId }) => jobId),
      ids.slice(1),
    )
  })

  where(
    ['coordination'],
    'a heartbeat of a worker declared dead says so, and revives nothing',
    async ({ pushOne, worker, coordination, queue, clock }) => {
      await pushOne()
      const by = await worker({ leaseMs: 10 * SECOND })
      const heartbeat = await by.heartbeat()
      await by.takeOne()
      clock.advance(11 * SECOND)
      await coordination.reapWorkers()
      assert.equal((await heartbeat.beat()).alive, false)
      assert.equal((await queue.lapsed({ limit: 10 })).length, 1)
    },
  )

  for (const outcome of [retry(), snooze(), release, crash()]) {
    where(['fencing'], `after ${outcome.outcome} the old token is refused, before and after the next claim`, async ({ pushOne, worker, settle }) => {
      const id = await pushOne()
      const by = await worker()
      const old = await by.takeOne()
      assert.equal(await settle(old, outcome), 'settled')
      assert.equal(await settle(old, complete()), 'lost')
      const current = await by.takeOne()
      assert.equal(current.jobId, id)
      assert.equal(await settle(old, complete()), 'lost')
      assert.equal(await settle(current, complete()), 'settled')
    })
  }

  where(
    ['fencing', 'ledger'],
    'a rescued job’s former holder changes nothing any more',
    async ({ pushOne, worker, queue, ledger, settle, job, clock }) => {
      const id = await pushOne()
      const old = await (await worker()).takeOne(leased(MINUTE))
      clock.advance(MINUTE)
      const [lapsed] = await queue.lapsed({ limit: 1 })
      await settle(lapsed as NonNullable<typeof lapsed>, retry())
      const current = await (await worker()).takeOne()
      const before = await job(id)
      for (const outcome of [complete({ result: '"stale"' }), retry(), snooze(), release, crash()]) {
        assert.equal(await settle(old, outcome), 'lost')
      }
      assert.deepEqual(await ledger.record([{ lease: leaseOf(old), progress: { fraction: 1, message: 'stale' } }], { logLinesMax: 10 }), ['lost'])
      assert.deepEqual(await job(id), before)
      assert.equal(await settle(current, complete({ result: '"fresh"' })), 'settled')
      assert.equal((await job(id)).result, '"fresh"')
    },
  )

  where(['fencing'], 'a token nobody ever had, and a job nobody knows, are lost', async ({ pushOne, worker, settle }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    assert.equal(await settle({ ...claimed, token: claimed.token + 1 }, complete()), 'lost')
    assert.equal(await settle({ ...claimed, jobId: '01890000-0000-7000-8000-000000000000' }, complete()), 'lost')
    assert.equal(await settle(claimed, complete()), 'settled')
  })

  without('ledger', 'lists no lapsed lease: what nobody holds any more comes by itself', async ({ pushOne, worker, queue, clock }) => {
    await pushOne()
    await (await worker()).takeOne(leased(MINUTE))
    clock.advance(2 * MINUTE)
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
  })

  without('fencing', 'answers a stale settlement without failing', async ({ pushOne, worker, settle }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    await settle(claimed, complete())
    assert.match(await settle(claimed, complete()), /^(settled|lost)$/)
  })
})
