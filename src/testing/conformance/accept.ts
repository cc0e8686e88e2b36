/** Topic accept: a job of another store arrives as it was, once, and what stands in its way is named. */
import assert from 'node:assert/strict'
import type { CarriedJob, JobRecord } from '../../contract/index.js'
import { cancel, complete, DAY, fail, HOUR, hold, idempotency, KIND, MINUTE, newJob, retry, SECOND, schedule, unique } from './build.js'
import { type CarriedLease, foreignJob, leave, leaveAndAccept, readEnded, spooledJob, takeAll, withoutToken } from './carry.js'
import { idsOf } from './stage.js'
import { topic } from './suite.js'

export const acceptTopic = topic('accept', ['transfer', 'ledger', 'keys', 'coordination'], ({ check, where }) => {
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

  check('a start limit goes along and still binds', async (stage) => {
    const id = await stage.pushOne({ startWithinMs: HOUR })
    await leaveAndAccept(stage)
    stage.clock.advance(HOUR + 1)
    assert.deepEqual(await (await stage.worker()).take(), [])
    assert.deepEqual([(await stage.job(id)).state, (await stage.job(id)).reason], ['cancelled', 'expired'])
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

  check('one of a spool that replaces gives a waiting holder its payload, version, priority and run time', async (stage) => {
    const { backend, clock, job, pushOne, settle, worker } = stage
    const media = new Map([['media', 1]])
    const spooled = await spooledJob(stage, { replaces: true })
    const held = await pushOne({ unique: unique(), queue: 'media', payload: '{"old":true}', priority: 3 })
    await settle(await (await worker({ queues: ['media'] })).takeOne({ queues: media }), hold)
    assert.deepEqual(await backend.transfer.accept([spooled]), [{ status: 'superseded', by: held }])
    const { state, payload, version, priority, runAt, startBy, queue, holdReason } = await job(held)
    assert.deepEqual([state, payload, version, priority, queue, holdReason], ['scheduled', '{"new":true}', 2, 1, 'media', 'no-worker'])
    assert.deepEqual([runAt, startBy], [spooled.runAt, spooled.startBy])
    assert.deepEqual([(await job(spooled.jobId)).state, (await job(spooled.jobId)).reason], ['cancelled', `superseded by ${held}`])
    assert.deepEqual(await backend.transfer.accept([spooled]), [{ status: 'duplicate' }])
    clock.advance(HOUR)
    const claimed = await (await worker({ queues: ['media'], kinds: [{ kind: KIND, version: 2 }] })).takeOne({
      queues: media,
      kinds: [{ kind: KIND, version: 2, leaseMs: null }],
    })
    assert.deepEqual([claimed.jobId, claimed.payload], [held, '{"new":true}'])
  })

  check('one of a spool replaces neither a running holder nor one that was made later', async (stage) => {
    const { backend, clock, job, pushOne, worker } = stage
    const spooled = await spooledJob(stage, { replaces: true })
    const other = await spooledJob(stage, { replaces: true, debounced: true, key: 'other' })
    const running = await pushOne({ unique: unique({ key: 'other', scope: 'live' }), payload: '{"runs":true}' })
    await (await worker()).takeOne()
    clock.advance(SECOND)
    const later = await pushOne({ unique: unique(), payload: '{"later":true}' })
    assert.deepEqual(await backend.transfer.accept([spooled]), [{ status: 'superseded', by: later }])
    assert.equal((await job(later)).payload, '{"later":true}')
    assert.deepEqual(await backend.transfer.accept([other]), [{ status: 'superseded', by: running }])
    assert.deepEqual([(await job(running)).payload, (await job(running)).state], ['{"runs":true}', 'running'])
  })

  check('one of a spool that is debounced moves a waiting holder to the later run time', async (stage) => {
    const { backend, clock, job, pushOne } = stage
    const [earlier, later] = [await spooledJob(stage, { debounced: true }), await spooledJob(stage, { debounced: true })]
    const holder = await pushOne({ unique: unique({ debounceMs: MINUTE }), payload: '{"first":true}' })
    const runAt = clock.now() + MINUTE
    assert.deepEqual(await backend.transfer.accept([{ ...earlier, runAt: runAt - SECOND }]), [{ status: 'superseded', by: holder }])
    assert.equal((await job(holder)).runAt, runAt)
    assert.deepEqual(await backend.transfer.accept([{ ...later, runAt: runAt + SECOND }]), [{ status: 'superseded', by: holder }])
    assert.deepEqual([(await job(holder)).runAt, (await job(holder)).payload], [runAt + SECOND, '{"first":true}'])
  })

  check('of two of a spool under one unique key the second meets the first', async (stage) => {
    const { backend, job } = stage
    const [first, second] = [await spooledJob(stage, { replaces: true }), await spooledJob(stage, { replaces: true, payload: '{"newest":true}' })]
    assert.deepEqual(await backend.transfer.accept([first, second]), [{ status: 'accepted' }, { status: 'superseded', by: first.jobId }])
    assert.equal((await job(first.jobId)).payload, '{"newest":true}')
  })

  where(['retentionMsMin'], 'ended jobs go with their end', async (stage) => {
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
})
