// kerja.jobs, kerja.queues, kerja.schedules and kerja.workers over a store whose clock stands still.
import { Kerja } from 'kerja'
import { createManualClock } from 'kerja/backend'
import { defineJob, defineSchedule, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

const mail = defineJob({ kind: 'mail', payload: z.object({ to: z.string() }), result: type<string>(), version: 2 })
const other = defineJob({ kind: 'other', payload: type<number>(), queue: 'slow' })
const none = '00000000-0000-7000-8000-000000000000'
const start = Date.UTC(2026, 0, 1)

let kerja: Kerja
beforeEach(() => {
  kerja = new Kerja({ backend: memory({ clock: createManualClock(start) }), logger: 'silent' })
})
afterEach(() => kerja.close())

const code = (name: string) => expect.objectContaining({ code: name })

describe('kerja.jobs', () => {
  it('gets a job, typed or by id alone', async () => {
    const { id } = await kerja.enqueue(mail, { to: 'a' }, { tags: ['web'], group: 'g', priority: 'low', delay: '1m', startWithin: '1h' })
    const job = await kerja.jobs.get(mail, id)
    expect(job.payload?.to).toBe('a')
    expect(await kerja.jobs.get(id.toUpperCase())).toMatchObject({
      id,
      version: 2,
      queue: 'default',
      state: 'scheduled',
      priority: 'low',
      tags: ['web'],
      group: 'g',
      createdAt: new Date(start),
      runAt: new Date(start + 60_000),
      startBy: new Date(start + 3_660_000),
      finishedAt: null,
      result: undefined,
    })
    await expect(kerja.jobs.get(none)).rejects.toEqual(code('JOB_NOT_FOUND'))
    await expect(kerja.jobs.get('42')).rejects.toEqual(code('OPTION_INVALID'))
    await expect(kerja.jobs.get(other, id)).rejects.toEqual(code('OPTION_INVALID'))
  })

  it('lists in pages, filtered', async () => {
    const receipts = await kerja.enqueueMany(Array.from({ length: 7 }, (_, n) => mail.with({ to: `${n}` }, { tags: [n % 2 === 0 ? 'even' : 'odd'] })))
    await kerja.enqueue(other, 1)
    const first = await kerja.jobs.list({ kind: 'mail', limit: 5 })
    const second = await kerja.jobs.list({ kind: 'mail', limit: 5, cursor: first.next ?? '' })
    expect([...first.jobs, ...second.jobs].map(({ id }) => id).sort()).toEqual(receipts.map(({ id }) => id).sort())
    expect(second.next).toBeNull()
    expect((await kerja.jobs.list({ tag: 'even' })).jobs).toHaveLength(4)
    expect((await kerja.jobs.list({ queue: 'slow', states: ['available'] })).jobs).toHaveLength(1)
    expect((await kerja.jobs.list({ states: ['failed'] })).jobs).toHaveLength(0)
  })

  it.each([
    [{ limit: 0 }, 'OPTION_INVALID'],
    [{ limit: 201 }, 'OPTION_INVALID'],
    [{ limit: '9' }, 'OPTION_INVALID'],
    [{ states: ['done'] }, 'OPTION_INVALID'],
    [{ states: 'failed' }, 'OPTION_INVALID'],
    [{ queue: '../' }, 'OPTION_INVALID'],
    [{ cursor: 'forged' }, 'CURSOR_INVALID'],
    [{ cursor: 7 }, 'CURSOR_INVALID'],
    [{ state: ['failed'] }, 'OPTION_UNKNOWN'],
    [null, 'OPTION_INVALID'],
  ])('refuses the query %j', async (query, expected) => {
    await kerja.enqueue(mail, { to: 'a' })
    await expect(kerja.jobs.list(query as never)).rejects.toEqual(code(expected))
  })

  it('cancels and retries, one or many', async () => {
    const receipts = await kerja.enqueueMany([1, 2, 3].map((n) => other.with(n)))
    const [a, b, c] = receipts.map(({ id }) => id) as [string, string, string]
    expect(await kerja.jobs.cancel(a, 'not needed')).toBe('changed')
    expect(await kerja.jobs.get(a)).toMatchObject({ state: 'cancelled', reason: 'not needed', finishedAt: new Date(start) })
    await expect(kerja.jobs.cancel(a)).rejects.toEqual(code('JOB_STATE'))
    await expect(kerja.jobs.cancel(none)).rejects.toEqual(code('JOB_NOT_FOUND'))
    await expect(kerja.jobs.cancel(b, '')).rejects.toEqual(code('OPTION_INVALID'))
    expect(await kerja.jobs.cancel([a, b, none])).toEqual([
      { id: a, outcome: 'unchanged' },
      { id: b, outcome: 'changed' },
      { id: none, outcome: 'unknown' },
    ])
    await kerja.jobs.retry(a)
    expect((await kerja.jobs.get(a)).state).toBe('available')
    await expect(kerja.jobs.retry(none)).rejects.toEqual(code('JOB_NOT_FOUND'))
    await kerja.jobs.delete(c)
    await expect(kerja.jobs.get(c)).rejects.toEqual(code('JOB_NOT_FOUND'))
    expect(await kerja.jobs.delete([a, c])).toEqual([
      { id: a, outcome: 'changed' },
      { id: c, outcome: 'unknown' },
    ])
    await expect(kerja.jobs.delete(7 as never)).rejects.toEqual(code('OPTION_INVALID'))
  })

  it('cuts a reason that is too long, for it is for people', async () => {
    const { id } = await kerja.enqueue(other, 1)
    await kerja.jobs.cancel(id, `${'x'.repeat(999)}😀 and more`)
    expect((await kerja.jobs.get(id)).reason).toBe(`${'x'.repeat(999)}\uFFFD`)
  })

  it('says which unique key stands in the way of a retry', async () => {
    const once = defineJob({ kind: 'once', payload: type<number>(), unique: { key: () => 'k' } })
    const { id } = await kerja.enqueue(once, 1)
    await kerja.jobs.cancel(id)
    await kerja.enqueue(once, 2)
    await expect(kerja.jobs.retry(id)).rejects.toEqual(code('UNIQUE_CONFLICT'))
  })

  it('updates a waiting job', async () => {
    const { id } = await kerja.enqueue(mail, { to: 'a' })
    await kerja.jobs.update(id, { priority: 'critical', delay: '5m', maxAttempts: 3, tags: ['changed'] })
    expect(await kerja.jobs.get(id)).toMatchObject({ priority: 'critical', runAt: new Date(start + 300_000), maxAttempts: 3, tags: ['changed'] })
    await kerja.jobs.update(mail, id, { payload: { to: 'b' }, runAt: new Date(start) })
    expect(await kerja.jobs.get(mail, id)).toMatchObject({ payload: { to: 'b' }, state: 'available' })
    await expect(kerja.jobs.update(mail, id, { payload: { to: 1 } as never })).rejects.toEqual(code('PAYLOAD_INVALID'))
    await expect(kerja.jobs.update(other, id, { payload: 1 })).rejects.toEqual(code('OPTION_INVALID'))
    await expect(kerja.jobs.update(id, { payload: { to: 'c' } } as never)).rejects.toEqual(code('OPTION_UNKNOWN'))
    await expect(kerja.jobs.update(id, { delay: 1, runAt: 1 })).rejects.toEqual(code('OPTION_INVALID'))
    await expect(kerja.jobs.update(none, { maxAttempts: 1 })).rejects.toEqual(code('JOB_NOT_FOUND'))
    await kerja.jobs.cancel(id)
    await expect(kerja.jobs.update(id, { maxAttempts: 1 })).rejects.toEqual(code('JOB_STATE'))
  })

  it('tells no attempts and no lines from no job', async () => {
    const { id } = await kerja.enqueue(mail, { to: 'a' })
    expect(await kerja.jobs.attempts(id)).toEqual([])
    expect((await kerja.jobs.logs(id)).lines).toEqual([])
    await expect(kerja.jobs.attempts(none)).rejects.toEqual(code('JOB_NOT_FOUND'))
    await expect(kerja.jobs.logs(none)).rejects.toEqual(code('JOB_NOT_FOUND'))
    await expect(kerja.jobs.logs(id, { limit: 1e9 })).rejects.toEqual(code('OPTION_INVALID'))
  })
})

describe('kerja.queues', () => {
  it('counts, pauses and resumes', async () => {
    await kerja.enqueue(other, 1)
    await kerja.queues.pause('slow')
    expect(await kerja.queues.list()).toEqual([{ queue: 'slow', paused: true }])
    expect(await kerja.queues.stats('slow')).toMatchObject({ queue: 'slow', paused: true, counts: { available: 1 }, held: { paused: 1 } })
    await kerja.queues.resume('slow')
    expect(await kerja.queues.stats('slow')).toMatchObject({ paused: false, recent: { completedCount: 0, failureRate: null } })
    expect(await kerja.queues.stats('nobody')).toMatchObject({ queue: 'nobody', counts: { available: 0, failed: 0 }, latencyMs: null })
    expect((await kerja.queues.stats()).map(({ queue }) => queue)).toEqual(['slow'])
    await expect(kerja.queues.pause('a b')).rejects.toEqual(code('OPTION_INVALID'))
  })
})

describe('kerja.schedules', () => {
  const nightly = defineSchedule('nightly', mail.with({ to: 'all' }, { priority: 'bulk' }), {
    cron: '0 2 * * *',
    timeZone: 'Asia/Jakarta',
    overlap: 'skip',
  })

  it('upserts, lists, pauses, resumes, runs and removes', async () => {
    await kerja.schedules.upsert([nightly, defineSchedule('hourly', other.with(1), { every: '1h' })])
    await kerja.schedules.upsert(nightly)
    const listed = await kerja.schedules.list()
    expect(listed.map(({ name }) => name).sort()).toEqual(['hourly', 'nightly'])
    expect(listed.find(({ name }) => name === 'nightly')).toMatchObject({
      kind: 'mail', source: 'api', cron: '0 2 * * *', everyMs: null, timeZone: 'Asia/Jakarta', overlap: 'skip', missed: 'once', paused: false, lastAt: null,
    }) // biome-ignore format: one schedule
    const first = await kerja.schedules.runNow('nightly')
    const second = await kerja.schedules.runNow('nightly')
    expect(second.id).not.toBe(first.id)
    expect(await kerja.jobs.get(first.id)).toMatchObject({ state: 'available', priority: 'bulk', schedule: { name: 'nightly' } })
    await kerja.schedules.pause('nightly')
    expect((await kerja.schedules.list()).find(({ name }) => name === 'nightly')?.paused).toBe(true)
    await kerja.schedules.resume('nightly')
    await kerja.schedules.remove('nightly')
    for (const act of ['pause', 'resume', 'remove', 'runNow'] as const)
      await expect(kerja.schedules[act]('nightly')).rejects.toEqual(code('SCHEDULE_NOT_FOUND'))
  })

  it.each(['idempotencyKey', 'id', 'delay', 'runAt'])('refuses a job with %s, which cannot hold for every tick', async (option) => {
    const value = { idempotencyKey: 'k', id: none, delay: '1m', runAt: 1 }[option]
    const declaration = defineSchedule('s', mail.with({ to: 'a' }, { [option]: value }), { every: '1h' })
    await expect(kerja.schedules.upsert([nightly, declaration])).rejects.toEqual(code('OPTION_INVALID'))
    expect(await kerja.schedules.list()).toEqual([])
  })

  it('refuses bad payloads and what is no schedule', async () => {
    await expect(kerja.schedules.upsert(defineSchedule('s', mail.with({ to: 1 } as never), { every: '1h' }))).rejects.toEqual(code('PAYLOAD_INVALID'))
    await expect(kerja.schedules.upsert({ name: 's' } as never)).rejects.toEqual(code('SCHEDULE_INVALID'))
    await expect(kerja.schedules.upsert(null as never)).rejects.toEqual(code('OPTION_INVALID'))
  })
})

describe('kerja.workers', () => {
  it('lists those that live', async () => {
    expect(await kerja.workers.list()).toEqual([])
    const worker = kerja.worker({ handlers: [other.handle(() => undefined)], concurrency: 3, name: 'w' })
    await worker.start()
    expect(await kerja.workers.list()).toMatchObject([{ id: worker.id, name: 'w', alive: true, concurrency: 3, queues: ['slow'], pid: process.pid }])
    await worker.stop()
  })
})
