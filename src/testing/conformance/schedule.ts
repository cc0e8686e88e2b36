/** Topic schedule: recurring rules are kept by name, and each tick becomes one job. */
import assert from 'node:assert/strict'
import type { ScheduleDefinition, ScheduleFiring } from '../../contract/index.js'
import { complete, HOUR, newJob, schedule, unique } from './build.js'
import type { Stage } from './stage.js'
import { rejectsWith } from './stage.js'
import { topic } from './suite.js'

const names = async ({ coordination }: Stage) => (await coordination.schedules()).map(({ name }) => name).sort()
const only = async ({ coordination }: Stage) => {
  const all = await coordination.schedules()
  assert.equal(all.length, 1)
  return all[0] as (typeof all)[0]
}
const firing = (from: ScheduleDefinition, overrides: Partial<ScheduleFiring> = {}): ScheduleFiring => ({
  name: from.name,
  expectedNextAt: from.nextAt,
  nextAt: from.nextAt + HOUR,
  overlap: from.overlap,
  jobs: [newJob({ tick: { schedule: from.name, instant: from.nextAt } })],
  ...overrides,
})

export const scheduleTopic = topic('schedule', ['coordination', 'ledger'], ({ check, where, without }) => {
  check('keeps what was declared', async (stage) => {
    const declared = schedule({
      nextAt: stage.clock.now() + HOUR,
      everyMs: HOUR,
      cron: null,
      timeZone: 'Asia/Jakarta',
      missed: 'all',
      overlap: 'skip',
    })
    await stage.coordination.upsertSchedules([declared])
    assert.deepEqual(await only(stage), { ...declared, paused: false, lastAt: null, lastJobId: null })
  })

  check('is due when its instant has come, with the store’s clock', async ({ coordination, clock }) => {
    await coordination.upsertSchedules([schedule({ nextAt: clock.now() + HOUR })])
    clock.advance(HOUR - 1)
    assert.deepEqual(await coordination.dueSchedules({ limit: 10 }), { now: clock.now(), due: [] })
    clock.advance(1)
    const { now, due } = await coordination.dueSchedules({ limit: 10 })
    assert.deepEqual([now, due.map(({ name }) => name)], [clock.now(), ['nightly']])
  })

  check('due schedules come oldest first, no more than the limit', async ({ coordination, clock }) => {
    const now = clock.now()
    await coordination.upsertSchedules([
      schedule({ name: 'b', nextAt: now - 1 }),
      schedule({ name: 'a', nextAt: now }),
      schedule({ name: 'c', nextAt: now - 2 }),
    ])
    assert.deepEqual(
      (await coordination.dueSchedules({ limit: 2 })).due.map(({ name }) => name),
      ['c', 'b'],
    )
  })

  check('an unchanged rule keeps its next instant, so that a deploy loses no tick', async (stage) => {
    const nextAt = stage.clock.now()
    await stage.coordination.upsertSchedules([schedule({ nextAt })])
    await stage.coordination.upsertSchedules([schedule({ nextAt: nextAt + HOUR, missed: 'all', template: newJob({ payload: '"new"' }) })])
    const kept = await only(stage)
    assert.deepEqual([kept.nextAt, kept.missed, kept.template.payload], [nextAt, 'all', '"new"'])
  })

  for (const [what, change] of [
    ['cron', { cron: '0 3 * * *' }],
    ['interval', { cron: null, everyMs: HOUR }],
    ['time zone', { timeZone: 'Asia/Jakarta' }],
  ] as const) {
    check(`a changed ${what} takes the new next instant`, async (stage) => {
      const nextAt = stage.clock.now()
      await stage.coordination.upsertSchedules([schedule({ nextAt })])
      await stage.coordination.upsertSchedules([schedule({ nextAt: nextAt + HOUR, ...change })])
      assert.equal((await only(stage)).nextAt, nextAt + HOUR)
    })
  }

  check('fires once: jobs exist, the schedule has moved on, and a second firing of the tick is too late', async (stage) => {
    const { coordination, job, clock } = stage
    const declared = schedule({ nextAt: clock.now() })
    await coordination.upsertSchedules([declared])
    const first = firing(declared)
    const id = first.jobs[0]?.id as string
    assert.deepEqual(await coordination.fireSchedule(first), [id])
    assert.deepEqual((await job(id)).tick, { schedule: 'nightly', instant: declared.nextAt })
    const moved = await only(stage)
    assert.deepEqual([moved.nextAt, moved.lastAt, moved.lastJobId], [declared.nextAt + HOUR, declared.nextAt, id])
    const second = firing(declared)
    assert.equal(await coordination.fireSchedule(second), null)
    assert.deepEqual(await stage.ledger.get([second.jobs[0]?.id as string]), [null])
    assert.deepEqual((await coordination.dueSchedules({ limit: 10 })).due, [])
  })

  check('an unknown schedule does not fire', async ({ coordination, ledger }) => {
    const ghost = firing(schedule({ name: 'ghost' }))
    assert.equal(await coordination.fireSchedule(ghost), null)
    assert.deepEqual(await ledger.get([ghost.jobs[0]?.id as string]), [null])
  })

  check('a firing may create several ticks’ jobs, or none and only move on', async (stage) => {
    const { coordination, clock } = stage
    const declared = schedule({ nextAt: clock.now() })
    await coordination.upsertSchedules([declared])
    const many = firing(declared, { jobs: [newJob(), newJob(), newJob()] })
    assert.deepEqual(
      await coordination.fireSchedule(many),
      many.jobs.map(({ id }) => id),
    )
    assert.deepEqual(await coordination.fireSchedule(firing(declared, { expectedNextAt: many.nextAt, nextAt: many.nextAt + HOUR, jobs: [] })), [])
    assert.equal((await only(stage)).nextAt, many.nextAt + HOUR)
  })

  check('overlap skip: no job while the last tick’s job lives, waiting or running; the schedule moves on', async (stage) => {
    const { coordination, worker, settle, clock, ledger } = stage
    let at = schedule({ nextAt: clock.now(), overlap: 'skip' })
    await coordination.upsertSchedules([at])
    const fire = async () => {
      const shot = firing(at)
      const ids = await coordination.fireSchedule(shot)
      at = { ...at, nextAt: shot.nextAt }
      return { ids, id: shot.jobs[0]?.id as string }
    }
    const first = await fire()
    assert.deepEqual(first.ids, [first.id])
    const whileWaiting = await fire()
    assert.deepEqual(whileWaiting.ids, [])
    assert.deepEqual(await ledger.get([whileWaiting.id]), [null])
    const claimed = await (await worker()).takeOne()
    assert.deepEqual((await fire()).ids, [])
    assert.equal((await only(stage)).lastJobId, first.id)
    await settle(claimed, complete())
    const after = await fire()
    assert.deepEqual(after.ids, [after.id])
  })

  check('overlap skip: of several ticks at once only the first becomes a job', async ({ coordination, clock }) => {
    const declared = schedule({ nextAt: clock.now(), overlap: 'skip' })
    await coordination.upsertSchedules([declared])
    const many = firing(declared, { jobs: [newJob(), newJob()] })
    assert.deepEqual(await coordination.fireSchedule(many), [many.jobs[0]?.id])
  })

  where(['keys'], 'a tick’s job that merges into another is not among those created', async ({ coordination, pushOne, clock }) => {
    await pushOne({ unique: unique() })
    const declared = schedule({ nextAt: clock.now() })
    await coordination.upsertSchedules([declared])
    assert.deepEqual(await coordination.fireSchedule(firing(declared, { jobs: [newJob({ unique: unique() })] })), [])
  })

  check('a paused schedule is not due and does not fire; resumed, it does', async (stage) => {
    const { coordination, clock } = stage
    const declared = schedule({ nextAt: clock.now() })
    await coordination.upsertSchedules([declared])
    assert.equal(await coordination.pauseSchedule('nightly', true), true)
    assert.deepEqual((await coordination.dueSchedules({ limit: 10 })).due, [])
    assert.equal(await coordination.fireSchedule(firing(declared)), null)
    await coordination.upsertSchedules([declared])
    assert.equal((await only(stage)).paused, true, 'a deploy does not resume it')
    assert.equal(await coordination.pauseSchedule('nightly', false), true)
    assert.equal((await coordination.dueSchedules({ limit: 10 })).due.length, 1)
    assert.equal(await coordination.pauseSchedule('ghost', true), false)
  })

  check('is removed by name', async (stage) => {
    await stage.coordination.upsertSchedules([schedule({ name: 'a' }), schedule({ name: 'b' })])
    assert.deepEqual(await stage.coordination.removeSchedules(['ghost', 'a']), [false, true])
    assert.deepEqual(await names(stage), ['b'])
  })

  check('reconcile removes what no live worker declares, among the kinds the worker serves', async (stage) => {
    const mine = newJob({ kind: 'mine' })
    const theirs = newJob({ kind: 'theirs' })
    await stage.coordination.upsertSchedules([
      schedule({ name: 'dropped', source: 'worker', template: mine }),
      schedule({ name: 'kept', source: 'worker', template: mine }),
      schedule({ name: 'declared-elsewhere', source: 'worker', template: mine }),
      schedule({ name: 'declared-by-the-dead', source: 'worker', template: mine }),
      schedule({ name: 'made-by-hand', source: 'api', template: mine }),
      schedule({ name: 'of-another-kind', source: 'worker', template: theirs }),
    ])
    await stage.worker({ schedules: ['declared-by-the-dead'], leaseMs: 1_000 })
    stage.clock.advance(2_000)
    await stage.coordination.reapWorkers()
    await stage.worker({ schedules: ['declared-elsewhere'] })
    await stage.worker({ schedules: ['kept'] })
    const kept = schedule({ name: 'kept', source: 'worker', template: mine })
    await stage.coordination.upsertSchedules([kept], { reconcile: { kinds: ['mine'] } })
    assert.deepEqual(await names(stage), ['declared-elsewhere', 'kept', 'made-by-hand', 'of-another-kind'])
  })

  check('without reconcile nothing is removed', async (stage) => {
    await stage.coordination.upsertSchedules([schedule({ name: 'old', source: 'worker' })])
    await stage.coordination.upsertSchedules([schedule({ name: 'new', source: 'worker' })])
    assert.deepEqual(await names(stage), ['new', 'old'])
  })

  without('coordination', 'refuses schedules', async ({ coordination }) => {
    await rejectsWith('UNSUPPORTED', () => coordination.schedules())
    await rejectsWith('UNSUPPORTED', () => coordination.upsertSchedules([schedule()]))
    await rejectsWith('UNSUPPORTED', () => coordination.dueSchedules({ limit: 1 }))
  })
})
