/** Topic transfer: a job that goes to another store arrives as it was, once, and is nobody else's meanwhile. */
import assert from 'node:assert/strict'
import type { CarriedJob, Departure, JobRecord, LeaveResult } from '../../contract/index.js'
import {
  cancel,
  complete,
  crash,
  DAY,
  fail,
  HOUR,
  hold,
  idempotency,
  KIND,
  MINUTE,
  newJob,
  release,
  retry,
  SECOND,
  schedule,
  unique,
} from './build.js'
import type { Stage, StageWorker } from './stage.js'
import { idsOf, rejectsWith } from './stage.js'
import { topic } from './suite.js'

const PAGE = Object.freeze({ limit: 100, charactersMax: 1_000_000, cursor: null })

export const transferTopic = topic('transfer', ['transfer', 'ledger', 'keys', 'coordination'], ({ check, where, without }) => {
  check('a job that leaves and is accepted again is as it was', async (stage) => {
    const { clock, job, ledger, pushOne, settle, worker } = stage
    const by = await worker()
    const full = {
      kind: KIND,
      version: 3,
      queue: 'media',
      priority: 1,
      payload: '{"text":"\\u0000 ünï 🙂"}',
      delayMs: HOUR,
      maxAttempts: 7,
      giveUpAfterMs: 2 * DAY,
      startWithinMs: HOUR,
      group: 'tenant 7',
      tags: ['a', 'b'],
      idempotency: idempotency(),
      unique: unique({ scope: 'live' }),
      parentId: newJob().id,
      tick: { schedule: 'nightly', instant: 1_767_225_600_000 },
    } as const
    const ids = [await pushOne(full), await pushOne({ priority: 0 })]
    await settle(await by.takeOne(), retry(MINUTE, 'first try'))
    const before = await Promise.all(ids.map(job))
    const attempts = await ledger.attempts(ids[1] as string)
    const carried = await takeAll(stage)
    assert.deepEqual(idsOf(carried), ids)
    assert.deepEqual(await leave(stage, carried), ['left', 'left'])
    assert.deepEqual(await ledger.get(ids), [null, null])
    clock.advance(SECOND)
    assert.deepEqual(
      await stage.backend.transfer.accept(carried),
      carried.map(() => ({ status: 'accepted' })),
    )
    const after = await Promise.all(ids.map(job))
    assert.deepEqual(after.map(withoutToken), before.map(withoutToken))
    assert.deepEqual(await ledger.attempts(ids[1] as string), attempts)
    assert.ok(after.every((record, index) => record.token > (before[index] as JobRecord).token))
    assert.deepEqual(await stage.queue.push([newJob({ idempotency: idempotency() })]), [{ status: 'duplicate', id: ids[0] }])
    assert.deepEqual(await stage.queue.push([newJob({ unique: unique() })]), [{ status: 'duplicate', id: ids[0] }])
  })

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

  check('a start limit goes along and still binds', async (stage) => {
    const id = await stage.pushOne({ startWithinMs: HOUR })
    await leaveAndAccept(stage)
    stage.clock.advance(HOUR + 1)
    assert.deepEqual(await (await stage.worker()).take(), [])
    assert.deepEqual([(await stage.job(id)).state, (await stage.job(id)).reason], ['cancelled', 'expired'])
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
    assert.deepEqual(await stage.ledger.cancel([id], { reason: 'not wanted', retentionMs: HOUR }), ['requested'])
    assert.deepEqual(await leave(stage, [carried]), [{ reason: 'not wanted', retentionMs: HOUR }])
    assert.equal((await stage.job(id)).state, 'running')
    assert.deepEqual(await stage.backend.transfer.leave([{ ...departureOf(carried), cancelCarried: true }]), ['left'])
    assert.deepEqual(await stage.ledger.get([id]), [null])
  })

  check('an id that is known merges, wherever the job stands', async (stage) => {
    const { backend, job, ledger, settle, pushOne, worker } = stage
    const id = await pushOne()
    const [carried] = (await takeAll(stage)) as [CarriedJob]
    assert.deepEqual(await backend.transfer.accept([carried]), [{ status: 'duplicate' }])
    await leave(stage, [carried])
    assert.deepEqual(await backend.transfer.accept([carried, carried]), [{ status: 'accepted' }, { status: 'duplicate' }])
    await settle(await (await worker()).takeOne(), complete({ result: '1' }))
    assert.deepEqual(await backend.transfer.accept([carried]), [{ status: 'duplicate' }])
    assert.deepEqual([(await job(id)).state, (await job(id)).result], ['completed', '1'])
    assert.equal((await ledger.list({ limit: 10 })).jobs.length, 1)
  })

  check('one that loses its unique key is recorded with the name of the winner', async (stage) => {
    const { backend, job, pushOne, queue } = stage
    const lost = await pushOne({ unique: unique(), idempotency: idempotency(), payload: '{"lost":true}' })
    const carried = await takeAll(stage)
    await leave(stage, carried)
    const winner = await pushOne({ unique: unique() })
    assert.deepEqual(await backend.transfer.accept(carried), [{ status: 'superseded', by: winner }])
    const record = await job(lost)
    assert.deepEqual([record.state, record.reason, record.payload], ['cancelled', `superseded by ${winner}`, '{"lost":true}'])
    assert.equal((await job(winner)).state, 'available')
    assert.deepEqual(
      await queue.push([newJob({ idempotency: idempotency() })]),
      [{ status: 'duplicate', id: winner }],
      'it stands for the request now',
    )
  })

  check('one whose request was made here already is recorded with the name of the winner', async (stage) => {
    const { backend, job } = stage
    const carried = { ...(await foreignJob(stage)), idempotency: [] }
    const winner = await stage.pushOne({ idempotency: idempotency() })
    const standing = { kind: KIND, key: 'request-1', payloadHash: 'hash-a', jobId: carried.jobId, expiresAt: stage.clock.now() + DAY }
    assert.deepEqual(await backend.transfer.accept([{ ...carried, idempotency: [standing] }]), [{ status: 'superseded', by: winner }])
    assert.equal((await job(carried.jobId)).state, 'cancelled')
    const other = await foreignJob(stage)
    const another = { ...standing, jobId: other.jobId, payloadHash: 'hash-b' }
    assert.deepEqual(await backend.transfer.accept([{ ...other, idempotency: [another] }]), [{ status: 'accepted' }])
    assert.equal((await job(other.jobId)).state, 'available', 'another payload is another request')
  })

  check('ended jobs go with their end', async (stage) => {
    const { backend, job, ledger, pushMany, settle, worker, clock } = stage
    const ids = await pushMany([{ unique: unique() }, {}, {}, {}])
    const [first, second, third] = await (await worker()).take()
    await settle(first as CarriedLease, complete({ result: '{"n":1}', retentionMs: DAY }))
    await settle(second as CarriedLease, fail('gave up', 2 * DAY))
    await settle(third as CarriedLease, cancel('not wanted'))
    const ended = ids.slice(0, 3)
    const before = await Promise.all(ended.map(job))
    const attempts = await Promise.all(ended.map((id) => ledger.attempts(id)))
    const { jobs, next } = await readEnded(stage)
    assert.deepEqual([idsOf(jobs), next], [ended, null])
    assert.deepEqual(jobs[0]?.end?.keepUntil, clock.now() + DAY)
    assert.deepEqual(await leave(stage, jobs), ['left', 'left', 'left'])
    clock.advance(HOUR)
    await stage.pushOne({ unique: unique() })
    assert.deepEqual(
      await backend.transfer.accept(jobs),
      jobs.map(() => ({ status: 'accepted' })),
    )
    assert.deepEqual(await Promise.all(ended.map(job)), before)
    assert.deepEqual(await Promise.all(ended.map((id) => ledger.attempts(id))), attempts)
    const [stats] = await ledger.stats({ queues: null, countCap: 100, windowMs: HOUR })
    assert.deepEqual([stats?.counts.completed, stats?.counts.failed, stats?.counts.cancelled], [1, 1, 1])
    clock.advance(DAY - HOUR)
    assert.equal(await ledger.prune({ limit: 10 }), 2)
    assert.deepEqual(
      (await ledger.get(ended)).map((record) => record?.state ?? null),
      [null, 'failed', null],
    )
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

  check('standing keys are paged, and those that stand already are not replaced', async (stage) => {
    const { backend, clock, pushMany, queue } = stage
    await stage.pushOne({ idempotency: idempotency({ key: 'old', ttlMs: HOUR }) })
    clock.advance(2 * HOUR)
    const ids = await pushMany(['a', 'b', 'c'].map((key) => ({ idempotency: idempotency({ key }) })))
    const first = await backend.transfer.keys({ limit: 2, cursor: null })
    const second = await backend.transfer.keys({ limit: 2, cursor: first.next })
    assert.deepEqual([...first.keys, ...second.keys].map(({ key, jobId }) => [key, jobId]).sort(), [
      ['a', ids[0]],
      ['b', ids[1]],
      ['c', ids[2]],
    ])
    assert.equal(second.next, null)
    const expiresAt = clock.now() + DAY
    const [taken, fresh] = [newJob().id, newJob().id]
    await backend.transfer.acceptKeys([
      { kind: KIND, key: 'a', payloadHash: 'hash-a', jobId: taken, expiresAt },
      { kind: KIND, key: 'd', payloadHash: 'hash-a', jobId: fresh, expiresAt },
      { kind: KIND, key: 'old', payloadHash: 'hash-a', jobId: fresh, expiresAt },
      { kind: KIND, key: 'past', payloadHash: 'hash-a', jobId: fresh, expiresAt: clock.now() - 1 },
    ])
    const again = (key: string) => newJob({ idempotency: idempotency({ key }) })
    const past = again('past')
    assert.deepEqual(await queue.push([again('a'), again('d'), again('old'), past]), [
      { status: 'duplicate', id: ids[0] },
      { status: 'duplicate', id: fresh },
      { status: 'duplicate', id: fresh },
      { status: 'created', id: past.id },
    ])
  })

  check('schedules arrive where they stand, and one that has ticked here stays', async (stage) => {
    const { backend, coordination, clock } = stage
    const at = clock.now()
    const record = { ...schedule({ nextAt: at + HOUR }), paused: true, lastAt: at - DAY, lastJobId: newJob().id }
    assert.deepEqual(await backend.transfer.acceptSchedules([record]), ['accepted'])
    assert.deepEqual(await coordination.schedules(), [record])
    assert.deepEqual(await backend.transfer.acceptSchedules([{ ...record, nextAt: at + DAY }]), ['kept'])
    assert.deepEqual(await coordination.schedules(), [record])
    const declared = schedule({ name: 'declared', source: 'worker', missed: 'all', nextAt: at + DAY })
    await coordination.upsertSchedules([declared, { ...declared, name: 'other', cron: '1 1 * * *' }])
    const older = { ...declared, missed: 'skip', nextAt: at - HOUR, paused: false, lastAt: at - DAY, lastJobId: null } as const
    assert.deepEqual(await backend.transfer.acceptSchedules([older, { ...older, name: 'other' }]), ['accepted', 'kept'])
    const [merged, , kept] = await coordination.schedules()
    assert.deepEqual(merged, { ...older, missed: 'all' })
    assert.deepEqual([kept?.name, kept?.nextAt], ['other', at + DAY])
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

type CarriedLease = Parameters<Stage['settle']>[0]

/** Takes every page, by a forwarder of its own unless one is given. */
async function takeAll({ backend, worker }: Stage, by?: StageWorker): Promise<CarriedJob[]> {
  const { id: workerId } = by ?? (await worker({ kinds: [], queues: [] }))
  const jobs: CarriedJob[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.take({ ...PAGE, cursor, workerId })
    jobs.push(...page.jobs)
    cursor = page.next
  } while (cursor !== null)
  return jobs
}

/** The sizes of the pages that hold anything. */
async function pageSizes({ backend, worker }: Stage, bounds: { readonly limit: number; readonly charactersMax: number }): Promise<number[]> {
  const { id: workerId } = await worker()
  const sizes: number[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.take({ ...bounds, cursor, workerId })
    if (page.jobs.length > 0) sizes.push(page.jobs.length)
    cursor = page.next
  } while (cursor !== null)
  return sizes
}

async function readEnded({ backend }: Stage): Promise<{ readonly jobs: readonly CarriedJob[]; readonly next: string | null }> {
  const jobs: CarriedJob[] = []
  let cursor: string | null = null
  do {
    const page = await backend.transfer.ended({ ...PAGE, cursor })
    jobs.push(...page.jobs)
    cursor = page.next
  } while (cursor !== null)
  return { jobs, next: cursor }
}

const departureOf = ({ jobId, token, handle, end }: CarriedJob): Departure => ({
  jobId,
  token,
  handle,
  finishedAt: end?.finishedAt ?? null,
  cancelCarried: false,
})

const leave = ({ backend }: Stage, jobs: readonly CarriedJob[]): Promise<readonly LeaveResult[]> => backend.transfer.leave(jobs.map(departureOf))

async function leaveAndAccept(stage: Stage): Promise<void> {
  const carried = await takeAll(stage)
  await leave(stage, carried)
  await stage.backend.transfer.accept(carried)
}

/** A job as another store would hand it over. */
async function foreignJob(stage: Stage): Promise<CarriedJob> {
  await stage.pushOne()
  const [carried] = (await takeAll(stage)) as [CarriedJob]
  await leave(stage, [carried])
  return carried
}

const withoutToken = ({ token: _token, ...record }: JobRecord): Omit<JobRecord, 'token'> => record
