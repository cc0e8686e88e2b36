/** Which schedules there are: declared by workers, upserted by hand, paused, run now, removed. */
import { createManualClock } from 'kerja/backend'
import { defineJob, defineSchedule, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { openStage, type Stage } from '../support/stage.js'

const SECOND = 1_000
const START = Date.UTC(2020, 0, 1, 12)
const report = defineJob({ kind: 'test.report', payload: type<object>() })
const other = defineJob({ kind: 'test.other', payload: type<object>() })
const beat = (name: string, job: typeof report | typeof other = report) => defineSchedule(name, (job as typeof report).with({}), { every: '2s' })
const namesOf = async (stage: Stage) => (await stage.kerja.schedules.list()).map(({ name }) => name)

describe.each(BACKENDS)('schedules on $name', ({ open }) => {
  it('first ticks are looked for from the store’s time', async () => {
    const clock = createManualClock(Date.UTC(2020, 0, 1, 12, 0, 1))
    const stage = openStage(open(clock))
    await stage.start({ handlers: [report.handle(() => undefined)], schedules: [beat('beat')] })
    await stage.kerja.schedules.upsert(beat('by-hand'))
    const first = new Date(Date.UTC(2020, 0, 1, 12, 0, 2))
    expect(await stage.kerja.schedules.list()).toMatchObject([
      { name: 'beat', nextAt: first },
      { name: 'by-hand', nextAt: first },
    ])
  })

  it('one that is no longer declared disappears at the next start; those of other kinds, other workers and by hand stay', async () => {
    const stage = openStage(open())
    await stage.start({
      handlers: [other.handle(() => undefined)],
      schedules: [beat('other-kind', other)],
    })
    const neighbour = await stage.start({ handlers: [report.handle(() => undefined)], schedules: [beat('neighbour')] })
    await stage.kerja.schedules.upsert(beat('by-hand'))
    const first = await stage.start({ handlers: [report.handle(() => undefined)], schedules: [beat('kept'), beat('dropped')] })
    expect(await namesOf(stage)).toEqual(['by-hand', 'dropped', 'kept', 'neighbour', 'other-kind'])
    await first.stop()
    await stage.start({ handlers: [report.handle(() => undefined)], schedules: [beat('kept')] })
    expect(await namesOf(stage)).toEqual(['by-hand', 'kept', 'neighbour', 'other-kind'])
    await neighbour.stop()
    await stage.start({ handlers: [report.handle(() => undefined)] })
    expect(await namesOf(stage)).toEqual(['by-hand', 'kept', 'other-kind'])
  })

  it('declared again with the same rule it keeps its next instant and its pause; with another rule it begins anew', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const slow = (every: '1h' | '2h') => defineSchedule('slow', report.with({}), { every })
    const first = await stage.start({ handlers: [report.handle(() => undefined)], schedules: [slow('1h')] })
    const [before] = await stage.kerja.schedules.list()
    await stage.kerja.schedules.pause('slow')
    await first.stop()
    clock.advance(5 * 3_600_000)
    const second = await stage.start({ handlers: [report.handle(() => undefined)], schedules: [slow('1h')] })
    expect((await stage.kerja.schedules.list())[0]).toMatchObject({ nextAt: before?.nextAt, paused: true })
    await second.stop()
    await stage.start({ handlers: [report.handle(() => undefined)], schedules: [slow('2h')] })
    const after = (await stage.kerja.schedules.list())[0]
    expect(after).toMatchObject({ everyMs: 7_200_000, paused: true })
    expect(after?.nextAt.getTime()).toBeGreaterThan(clock.now())
  })

  it('upsert by hand keeps the next instant of an unchanged rule, and fires', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    await stage.kerja.schedules.upsert(beat('beat'))
    const [before] = await stage.kerja.schedules.list()
    clock.advance(60 * SECOND)
    await stage.kerja.schedules.upsert(beat('beat'))
    expect((await stage.kerja.schedules.list())[0]?.nextAt).toEqual(before?.nextAt)
    await stage.work(report.handle(() => undefined))
    expect(await stage.until('schedule.fired')).toMatchObject({ schedule: 'beat' })
    await stage.until('job.completed')
    const [after] = await stage.kerja.schedules.list()
    expect(after?.lastAt).toEqual(before?.nextAt)
    expect(after?.lastJobId).toBe(stage.seen('job.completed')[0]?.id)
  })

  it('paused it makes nothing until resumed', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const handlers = [report.handle(() => undefined), other.handle(() => undefined)]
    await stage.start({ handlers, schedules: [beat('beat'), beat('probe', other)] })
    await stage.kerja.schedules.pause('beat')
    for (let tick = 1; tick <= 2; tick += 1) {
      clock.advance(2 * SECOND)
      await stage.until('job.completed', undefined, tick)
    }
    expect((await stage.kerja.jobs.list({ kind: report.kind })).jobs).toEqual([])
    await stage.kerja.schedules.resume('beat')
    await stage.until('job.completed', undefined, 3)
    expect((await stage.kerja.jobs.list({ kind: report.kind })).jobs).toHaveLength(1)
  })

  it('removed it fires no more; its jobs stay', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const handlers = [report.handle(() => undefined), other.handle(() => undefined)]
    await stage.start({ handlers, schedules: [beat('beat'), beat('probe', other)] })
    clock.advance(2 * SECOND)
    await stage.until('job.completed', undefined, 2)
    await stage.kerja.schedules.remove('beat')
    clock.advance(2 * SECOND)
    await stage.until('job.completed', undefined, 3)
    expect((await stage.kerja.jobs.list({ kind: report.kind })).jobs).toHaveLength(1)
    for (const change of ['remove', 'pause', 'resume', 'runNow'] as const) {
      await expect(stage.kerja.schedules[change]('beat')).rejects.toMatchObject({ code: 'SCHEDULE_NOT_FOUND' })
    }
  })

  it('run now makes a job beside the ticks, each time', async () => {
    const stage = openStage(open())
    await stage.kerja.schedules.upsert(defineSchedule('yearly', report.with({}), { cron: '0 0 1 1 *' }))
    await stage.work(report.handle(() => undefined))
    const [before] = await stage.kerja.schedules.list()
    const receipts = [await stage.kerja.schedules.runNow('yearly'), await stage.kerja.schedules.runNow('yearly')]
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(2)
    for (const { id } of receipts) expect(await stage.ended(id)).toMatchObject({ state: 'completed', schedule: { name: 'yearly' } })
    expect((await stage.kerja.schedules.list())[0]?.nextAt).toEqual(before?.nextAt)
  })
})
