/** Ticks become jobs exactly once, whoever notices them, and after an outage as the schedule says. */
import { createManualClock, type ManualClock } from 'kerja/backend'
import { defineJob, defineSchedule, type ScheduleOptions, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { gate, openStage, type Stage } from '../support/stage.js'

// Within the year of the tests' own clock, so that nothing depends on when they run.
const START = Date.UTC(2026, 0, 1, 12)
const SECOND = 1_000
const MINUTE = 60 * SECOND
const report = defineJob({ kind: 'test.report', payload: type<object>() })
const other = defineJob({ kind: 'test.other', payload: type<object>() })
// Small steps: leases run by the store's clock too, and are renewed by this machine's.
const every = (options: Partial<ScheduleOptions> = {}) => defineSchedule('beat', report.with({}), { every: '2s', ...options })

const ticksOf = async (stage: Stage) => {
  const { jobs } = await stage.kerja.jobs.list({ kind: report.kind, limit: 200 })
  return jobs.map(({ schedule }) => ((schedule?.scheduledFor.getTime() ?? Number.NaN) - START) / SECOND).toSorted((a, b) => a - b)
}

/** No worker lives: time passes and ticks are missed. */
async function away(stage: Stage, clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await stage.backend.coordination.reapWorkers()
}

describe.each(BACKENDS)('ticks on $name', ({ open }) => {
  it('each tick is one job although three workers look for it', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    for (let count = 0; count < 3; count += 1) await stage.start({ handlers: [report.handle(() => undefined)], schedules: [every()] })
    for (let tick = 1; tick <= 3; tick += 1) {
      clock.advance(2 * SECOND)
      await stage.until('schedule.fired', undefined, tick)
      // A job of the tick has run by then, and everybody has looked again.
      await stage.until('job.completed', undefined, tick)
    }
    expect(await ticksOf(stage)).toEqual([2, 4, 6])
    expect((await stage.kerja.schedules.list())[0]?.nextAt).toEqual(new Date(START + 8 * SECOND))
    expect(stage.seen('schedule.fired').flatMap(({ jobIds }) => jobIds)).toHaveLength(3)
    expect(stage.seen('job.started').map(({ waitedMs }) => waitedMs)).toEqual([0, 0, 0])
  })

  it('handlers see the instant of the tick, not of the run', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const seen: number[] = []
    await stage.start({ handlers: [report.handle((_payload, ctx) => void seen.push(ctx.scheduledFor.getTime() - START))], schedules: [every()] })
    clock.advance(3 * SECOND)
    await stage.until('job.completed')
    expect(seen).toEqual([2 * SECOND])
  })

  const outages: readonly (readonly [Partial<ScheduleOptions>, readonly number[]])[] = [
    [{}, [600]],
    [{ missed: 'once' }, [600]],
    [{ missed: 'all', every: '2m' }, [120, 240, 360, 480, 600]],
    // The last one is due this very moment, so it is not missed.
    [{ missed: 'skip' }, [600]],
    [{ missed: 'skip', every: '7m' }, []],
  ]
  for (const [options, expected] of outages) {
    it(`after an outage of ten minutes, ${JSON.stringify(options)} makes ${expected.length} jobs`, async () => {
      const clock = createManualClock(START)
      const stage = openStage(open(clock))
      await stage.backend.open()
      await stage.kerja.queues.pause('default')
      const first = await stage.start({ handlers: [report.handle(() => undefined)], schedules: [every(options)] })
      await first.stop()
      await away(stage, clock, 10 * MINUTE)
      await stage.start({
        handlers: [report.handle(() => undefined)],
        schedules: [every(options), defineSchedule('probe', report.with({}), { every: '1s' })],
      })
      // The probe begins now; once it has ticked, the outage has been dealt with.
      clock.advance(SECOND)
      // Both are due in one look, and a store may take them in either order.
      const awaited = expected.length > 0 ? ['probe', 'beat'] : ['probe']
      const dealtWith = () => awaited.every((name) => stage.seen('schedule.fired').some(({ schedule }) => schedule === name))
      for (let count = 1; !dealtWith(); count += 1) await stage.until('schedule.fired', undefined, count)
      expect((await ticksOf(stage)).filter((tick) => tick <= 600)).toEqual(expected)
    })
  }

  it('with overlap skip no tick is made while the last one’s job lives', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    const release = gate()
    await stage.start({
      handlers: [report.handle(() => release.opened), other.handle(() => undefined)],
      schedules: [every({ overlap: 'skip' }), defineSchedule('probe', other.with({}), { every: '2s' })],
    })
    for (let tick = 1; tick <= 3; tick += 1) {
      clock.advance(2 * SECOND)
      await stage.until('job.completed', undefined, tick)
    }
    expect(await ticksOf(stage)).toEqual([2])
    release.open()
    await stage.until('job.completed', undefined, 4)
    clock.advance(2 * SECOND)
    await stage.until('job.completed', undefined, 6)
    expect(await ticksOf(stage)).toEqual([2, 8])
  })

  it('a schedule whose rule cannot be read does not keep the others from firing', async () => {
    const clock = createManualClock(START)
    const stage = openStage(open(clock))
    await stage.start({ handlers: [report.handle(() => undefined)], schedules: [every()] })
    const [good] = await stage.backend.coordination.schedules()
    if (good === undefined) throw new Error('no schedule')
    await stage.backend.coordination.upsertSchedules([{ ...good, name: 'broken', source: 'api', cron: 'not cron', everyMs: null }])
    clock.advance(2 * SECOND)
    await stage.until('job.completed')
    await stage.until('worker.trouble')
    clock.advance(2 * SECOND)
    await stage.until('job.completed', undefined, 2)
    expect(await ticksOf(stage)).toEqual([2, 4])
  })
})
