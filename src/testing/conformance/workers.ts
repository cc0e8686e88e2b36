/** Topic workers: who is known, who lives, who leads. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { KIND, SECOND } from './build.js'
import { killedProcess } from './process.js'
import type { Stage } from './stage.js'
import { rejectsWith } from './stage.js'
import { topic } from './suite.js'

const find = async ({ coordination }: Stage, id: string) => (await coordination.workers()).find((worker) => worker.id === id)

export const workersTopic = topic('workers', ['coordination'], ({ check, where, without }) => {
  check('a registered worker is listed as it registered, alive', async (stage) => {
    const registration = {
      id: '01890000-0000-7000-8000-00000000000a',
      name: 'media-1',
      host: hostname(),
      pid: process.pid,
      version: '1.2.3',
      queues: ['media', 'default'],
      kinds: [
        { kind: KIND, version: 2 },
        { kind: 'other', version: 1 },
      ],
      schedules: ['nightly'],
      concurrency: 7,
      leaseMs: 10 * SECOND,
    }
    await stage.worker(registration)
    const now = stage.clock.now()
    assert.deepEqual(await find(stage, registration.id), { ...registration, startedAt: now, heartbeatAt: now, alive: true, runningCount: 0 })
  })

  check('shows how many jobs each worker runs', async (stage) => {
    await stage.pushMany([{}, {}, {}])
    const one = await stage.worker()
    const two = await stage.worker()
    await one.take({ limit: 2 })
    await two.take()
    assert.deepEqual([(await find(stage, one.id))?.runningCount, (await find(stage, two.id))?.runningCount], [2, 1])
  })

  check('a beat is remembered', async (stage) => {
    const by = await stage.worker({ leaseMs: 10 * SECOND })
    const heartbeat = await by.heartbeat()
    stage.clock.advance(5 * SECOND)
    assert.deepEqual(await heartbeat.beat(), { alive: true, held: [] })
    assert.equal((await find(stage, by.id))?.heartbeatAt, stage.clock.now())
  })

  check('no worker is declared dead within its lease', async ({ worker, coordination, clock }) => {
    await worker({ leaseMs: 10 * SECOND })
    clock.advance(10 * SECOND - 1)
    assert.deepEqual(await coordination.reapWorkers(), [])
  })

  check('each worker has its own lease; the dead are named once', async ({ worker, coordination, clock }) => {
    const quick = await worker({ leaseMs: SECOND })
    await worker({ leaseMs: 10 * SECOND })
    clock.advance(2 * SECOND)
    assert.deepEqual(await coordination.reapWorkers(), [quick.id])
    assert.deepEqual(await coordination.reapWorkers(), [])
  })

  check('death is final: a later beat says so and the worker stays dead', async (stage) => {
    const by = await stage.worker({ leaseMs: SECOND })
    const heartbeat = await by.heartbeat()
    stage.clock.advance(2 * SECOND)
    await stage.coordination.reapWorkers()
    assert.equal((await heartbeat.beat()).alive, false)
    assert.equal((await find(stage, by.id))?.alive ?? false, false)
    assert.equal((await heartbeat.beat()).alive, false)
  })

  check('the same name under a new id is a new worker', async (stage) => {
    await stage.worker({ name: 'media-1', leaseMs: SECOND })
    stage.clock.advance(2 * SECOND)
    await stage.coordination.reapWorkers()
    const reborn = await stage.worker({ name: 'media-1' })
    assert.equal((await (await reborn.heartbeat()).beat()).alive, true)
    await stage.pushOne()
    assert.equal((await reborn.take()).length, 1)
  })

  check('a worker that has left is no longer listed', async (stage) => {
    const by = await stage.worker()
    await stage.coordination.deregisterWorker(by.id)
    assert.equal(await find(stage, by.id), undefined)
    assert.deepEqual(await stage.coordination.reapWorkers(), [])
    await stage.coordination.deregisterWorker(by.id)
  })

  check('one leads, others do not, and it may renew', async ({ worker, coordination }) => {
    const one = await worker()
    const two = await worker()
    const request = { role: 'maintenance', ttlMs: 10 * SECOND }
    assert.equal(await coordination.lead({ ...request, workerId: one.id }), true)
    assert.equal(await coordination.lead({ ...request, workerId: two.id }), false)
    assert.equal(await coordination.lead({ ...request, workerId: one.id }), true)
    assert.equal(await coordination.lead({ role: 'another', ttlMs: SECOND, workerId: two.id }), true)
  })

  check('leadership ends with its time, renewed or not', async ({ worker, coordination, clock }) => {
    const one = await worker()
    const two = await worker()
    const lead = (workerId: string) => coordination.lead({ role: 'maintenance', workerId, ttlMs: 10 * SECOND })
    await lead(one.id)
    clock.advance(8 * SECOND)
    await lead(one.id)
    clock.advance(8 * SECOND)
    assert.equal(await lead(two.id), false)
    clock.advance(2 * SECOND + 1)
    assert.equal(await lead(two.id), true)
    assert.equal(await lead(one.id), false)
  })

  check('leadership is free at once when its holder resigns, leaves or is declared dead', async ({ worker, coordination, clock }) => {
    const [one, two, three, four] = [await worker(), await worker(), await worker({ leaseMs: 10 * SECOND }), await worker()]
    const lead = (workerId: string) => coordination.lead({ role: 'maintenance', workerId, ttlMs: 1_000 * SECOND })
    assert.equal(await lead(one.id), true)
    await coordination.resign({ role: 'maintenance', workerId: two.id })
    assert.equal(await lead(two.id), false, 'only the holder can resign')
    await coordination.resign({ role: 'maintenance', workerId: one.id })
    assert.equal(await lead(two.id), true)
    await coordination.deregisterWorker(two.id)
    assert.equal(await lead(three.id), true)
    clock.advance(11 * SECOND)
    await coordination.reapWorkers()
    assert.equal(await lead(four.id), true)
    assert.equal(await lead(three.id), false, 'the dead do not lead')
  })

  where(['deathCheck'], 'a killed process is noticed before its lease is over', async ({ worker, coordination, backend, queue, pushOne }) => {
    const id = await pushOne()
    const source = backend.queue.heartbeat
    assert.ok(source.kind === 'thread', 'a death check needs a heartbeat that other processes can open')
    const child = await killedProcess(source, async (pid) => {
      const by = await worker({ pid })
      await by.take()
      return by.id
    })
    // A server lets go of a session when it sees its socket close, which may be a moment after the death.
    const giveUpAt = performance.now() + 5 * SECOND
    let reaped = await coordination.reapWorkers()
    while (reaped.length === 0 && performance.now() < giveUpAt) reaped = await coordination.reapWorkers()
    assert.deepEqual(reaped, [child])
    assert.deepEqual(
      (await queue.lapsed({ limit: 10 })).map(({ jobId, cause }) => [jobId, cause]),
      [[id, 'death']],
    )
  })

  without('deathCheck', 'a dead process is noticed by its lease alone', async ({ worker, coordination, clock, backend }) => {
    if (!backend.capabilities.coordination) return
    const gone = await worker({ pid: 2 ** 22 + 1, leaseMs: 10 * SECOND })
    assert.deepEqual(await coordination.reapWorkers(), [])
    clock.advance(11 * SECOND)
    assert.deepEqual(await coordination.reapWorkers(), [gone.id])
  })

  without('coordination', 'refuses to register, reap and lead', async ({ coordination }) => {
    await rejectsWith('UNSUPPORTED', () => coordination.workers())
    await rejectsWith('UNSUPPORTED', () => coordination.reapWorkers())
    await rejectsWith('UNSUPPORTED', () => coordination.lead({ role: 'r', workerId: 'w', ttlMs: SECOND }))
  })
})
