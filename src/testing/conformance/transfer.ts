/** Topic transfer: a job that goes to another store is nobody else's meanwhile, and leaves once. */
import assert from 'node:assert/strict'
import type { CarriedJob } from '../../contract/index.js'
import { crash, DAY, fail, HOUR, hold, idempotency, KIND, newJob, release, retry, SECOND, unique } from './build.js'
import { type CarriedLease, departureOf, leave, PAGE, pageSizes, readEnded, takeAll, withoutToken } from './carry.js'
import type { Stage } from './stage.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const transferTopic = topic('transfer', ['transfer', 'ledger', 'keys', 'coordination'], ({ check, where, without }) => {
  check('says how a job stands, without the taking', async (stage) => {
    const { clock, pushOne, settle, worker } = stage
    const id = await pushOne({ unique: unique(), idempotency: idempotency() })
    await settle(await (await worker()).takeOne(), retry(HOUR))
    const [carried] = await takeAll(stage)
    const now = clock.now()
    assert.deepEqual(
      [carried?.attempt, carried?.retrying, carried?.token, carried?.claimedAt, carried?.runAt, carried?.end],
      [1, true, 2, now, now + HOUR, null],
    )
    assert.deepEqual(carried?.unique, { key: 'the-key', scope: 'waiting' })
    assert.deepEqual(carried?.idempotency, [{ kind: KIND, key: 'request-1', payloadHash: 'hash-a', jobId: id, expiresAt: now + 7 * DAY }])
  })

  check('takes what no worker could: due later, paused, held, suspect, of an unknown kind', async (stage) => {
    const { coordination, job, pushOne, settle, worker } = stage
    const by = await worker()
    const suspect = await pushOne()
    for (let death = 0; death < 2; death += 1) await settle(await by.takeOne(), crash())
    const held = await pushOne()
    await settle(await by.takeOne(), hold)
    const later = await pushOne({ delayMs: DAY })
    const paused = await pushOne({ queue: 'paused' })
    await coordination.pauseQueue('paused')
    const unknown = await pushOne({ kind: 'nobody.knows' })
    const carried = await takeAll(stage)
    assert.deepEqual(idsOf(carried), [suspect, held, later, paused, unknown])
    await leave(stage, carried)
    await stage.backend.transfer.accept(carried)
    assert.equal((await job(held)).holdReason, 'invalid')
    assert.deepEqual(await by.take(), [])
    assert.deepEqual(idsOf(await by.take({ alone: true })), [suspect])
  })

  check('pages by count and by size, and ends', async (stage) => {
    const ids = await stage.pushMany([{}, { payload: `"${'x'.repeat(5_000)}"` }, {}, {}, {}])
    assert.deepEqual(await pageSizes(stage, { limit: 2, charactersMax: 1_000_000 }), [2, 2, 1])
    assert.deepEqual(idsOf(await takeAll(stage)), [])
    const more = await stage.pushMany([{}, { payload: `"${'x'.repeat(5_000)}"` }, {}])
    assert.deepEqual(await pageSizes(stage, { limit: 100, charactersMax: 1_000 }), [1, 1, 1])
    assert.equal(ids.length + more.length, 8)
  })

  check('gives nothing to a worker nobody knows, or that was declared dead', async (stage) => {
    await stage.pushOne()
    const dead = await stage.worker({ leaseMs: SECOND })
    stage.clock.advance(2 * SECOND)
    await stage.coordination.reapWorkers()
    for (const workerId of [dead.id, newJob().id])
      assert.deepEqual(await stage.backend.transfer.take({ ...PAGE, workerId }), { jobs: [], next: null })
    assert.equal((await takeAll(stage)).length, 1)
  })

  check('what is taken is not claimed, and what is claimed is not taken', async (stage) => {
    const by = await stage.worker()
    const [first, second] = await stage.pushMany([{}, {}])
    assert.deepEqual(idsOf(await by.take({ limit: 1 })), [first])
    assert.deepEqual(idsOf(await takeAll(stage)), [second])
    assert.deepEqual(await by.take(), [])
  })

  check('release gives a job back as it was found, its start limit and its hold included', async (stage) => {
    const { clock, job, pushOne, queue, settle, worker } = stage
    const limited = await pushOne({ startWithinMs: HOUR })
    const held = await pushOne()
    const by = await worker()
    await pushOne({ queue: 'elsewhere' })
    const [first, second] = await by.take()
    await settle(second as CarriedLease, hold)
    await settle(first as CarriedLease, { outcome: 'cancel', reason: 'make room', retentionMs: DAY })
    const fresh = await pushOne({ startWithinMs: HOUR })
    const ids = [held, fresh]
    const before = await Promise.all(ids.map(job))
    for (const carried of await takeAll(stage)) assert.equal(await settle(carried, release), 'settled')
    const after = await Promise.all(ids.map(job))
    assert.deepEqual(after.map(withoutToken), before.map(withoutToken))
    assert.equal((await job(limited)).state, 'cancelled')
    assert.deepEqual(idsOf(await by.take()), [fresh], 'the held one is still held')
    await settle((await takeAll(stage))[0] as CarriedLease, release)
    const late = await pushOne({ startWithinMs: HOUR })
    await Promise.all((await takeAll(stage)).map((carried) => settle(carried, release)))
    clock.advance(HOUR + 1)
    assert.equal(await queue.expire({ limit: 10, retentionMs: DAY }), 1)
    assert.deepEqual([(await job(late)).state, (await job(late)).reason], ['cancelled', 'expired'])
  })

  check('the death of a forwarder is told apart, and counts for nothing', async (stage) => {
    const { clock, coordination, job, queue, settle, pushOne, worker } = stage
    const id = await pushOne({ maxAttempts: 1 })
    const by = await worker({ leaseMs: SECOND, kinds: [], queues: [] })
    const [carried] = await takeAll(stage, by)
    assert.deepEqual(await queue.lapsed({ limit: 10 }), [])
    clock.advance(2 * SECOND)
    await coordination.reapWorkers()
    const [lapsed, ...others] = await queue.lapsed({ limit: 10 })
    assert.deepEqual([lapsed?.jobId, lapsed?.forwarding, lapsed?.cause, others.length], [id, true, 'death', 0])
    assert.equal(await settle(lapsed as CarriedLease, release), 'settled')
    const back = await job(id)
    assert.deepEqual([back.state, back.attempt, back.crashCount], ['available', 0, 0])
    assert.deepEqual(await leave(stage, [carried as CarriedJob]), ['lost'])
    const claimed = await (await worker()).takeOne()
    assert.deepEqual([claimed.jobId, claimed.attempt], [id, 1])
    assert.deepEqual(await leave(stage, [carried as CarriedJob]), ['lost'])
    assert.equal((await job(id)).state, 'running')
  })

  check('a worker’s lease that lapses is none of a forwarder’s', async (stage) => {
    await stage.pushOne()
    const by = await stage.worker({ leaseMs: SECOND })
    await by.takeOne()
    stage.clock.advance(2 * SECOND)
    await stage.coordination.reapWorkers()
    assert.deepEqual(
      (await stage.queue.lapsed({ limit: 10 })).map(({ forwarding }) => forwarding),
      [false],
    )
  })

  check('leaving is fenced, and each of a batch is judged by itself', async (stage) => {
    const ids = await stage.pushMany([{}, {}, {}])
    const carried = await takeAll(stage)
    const [first, second, third] = carried as [CarriedJob, CarriedJob, CarriedJob]
    await stage.settle(second, release)
    const departures = [first, first, second, { ...third, token: third.token - 1 }, { ...third, jobId: newJob().id, handle: null }].map(departureOf)
    assert.deepEqual(await stage.backend.transfer.leave(departures), ['left', 'lost', 'lost', 'lost', 'lost'])
    assert.deepEqual(
      (await stage.ledger.get(ids)).map((record) => record?.state ?? null),
      [null, 'available', 'running'],
    )
  })

  check('a job whose cancellation was requested stays until the request was carried too', async (stage) => {
    const id = await stage.pushOne()
    const [carried] = (await takeAll(stage)) as [CarriedJob]
    const request = { reason: 'not wanted', retentionMs: Math.max(HOUR, stage.backend.capabilities.retentionMsMin ?? 0) }
    assert.deepEqual(await stage.ledger.cancel([id], request), ['requested'])
    assert.deepEqual(await leave(stage, [carried]), [request])
    assert.equal((await stage.job(id)).state, 'running')
    assert.deepEqual(await stage.backend.transfer.leave([{ ...departureOf(carried), cancelCarried: true }]), ['left'])
    assert.deepEqual(await stage.ledger.get([id]), [null])
  })

  check('an ended job that was retried meanwhile stays', async (stage) => {
    const id = await stage.pushOne()
    await stage.settle(await (await stage.worker()).takeOne(), fail())
    const { jobs } = await readEnded(stage)
    await stage.ledger.retry([id])
    assert.deepEqual(await leave(stage, jobs), ['lost'])
    assert.equal((await stage.job(id)).state, 'available')
    assert.deepEqual((await readEnded(stage)).jobs, [])
  })

  check('an idempotency key stays behind when its job leaves', async (stage) => {
    const id = await stage.pushOne({ idempotency: idempotency() })
    await leave(stage, await takeAll(stage))
    assert.deepEqual(await stage.queue.push([newJob({ idempotency: idempotency() })]), [{ status: 'duplicate', id }])
  })

  where(['crossProcess'], 'two forwarders at once never take the same job', async (stage) => {
    const ids = await stage.pushMany(Array.from({ length: 60 }, () => ({})))
    const other = await stage.reopen()
    const by = [await stage.worker(), await stage.worker()] as const
    const walk = async (on: Stage['backend'], workerId: string): Promise<CarriedJob[]> => {
      const jobs: CarriedJob[] = []
      let cursor: string | null = null
      do {
        const page = await on.transfer.take({ limit: 7, charactersMax: 1_000_000, cursor, workerId })
        jobs.push(...page.jobs)
        cursor = page.next
      } while (cursor !== null)
      return jobs
    }
    const taken = await Promise.all([walk(stage.backend, by[0].id), walk(other, by[1].id)])
    assert.deepEqual([...idsOf(taken.flat())].sort(), [...ids].sort())
  })

  without('transfer', 'refuses to hand jobs over, and to take any', async ({ backend: { transfer } }) => {
    await rejectsWith('UNSUPPORTED', () => transfer.take({ ...PAGE, workerId: newJob().id }))
    await rejectsWith('UNSUPPORTED', () => transfer.ended(PAGE))
    await rejectsWith('UNSUPPORTED', () => transfer.accept([]))
    await rejectsWith('UNSUPPORTED', () => transfer.leave([]))
    await rejectsWith('UNSUPPORTED', () => transfer.keys({ limit: 1, cursor: null }))
    await rejectsWith('UNSUPPORTED', () => transfer.acceptKeys([]))
    await rejectsWith('UNSUPPORTED', () => transfer.acceptSchedules([]))
  })
})
