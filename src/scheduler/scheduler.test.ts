import { expect, it } from 'vitest'
import { memory } from '../backends/memory/index.js'
import { createManualClock } from '../contract/clock.js'
import type { ScheduleDefinition } from '../contract/coordination.js'
import type { NewJob } from '../contract/job.js'
import { DEFAULTS } from '../core/options.js'
import { createEventHub } from '../observe/events.js'
import { createLogger } from '../observe/logger.js'
import { createScheduler } from './scheduler.js'

it('fires all that is due in one run, however many that are', async () => {
  const clock = createManualClock(1_000_000)
  const backend = memory({ clock })
  const count = 2 * DEFAULTS.maintenance.schedulesMax + 1
  const definitions = Array.from({ length: count }, (_, index): ScheduleDefinition => {
    const template = { kind: 'tick', version: 1, queue: 'default', priority: 2, payload: '{}', delayMs: 0, runAt: null, maxAttempts: 1 } as const
    const rest = { giveUpAfterMs: null, startWithinMs: null, group: null, tags: [], idempotency: null, unique: null, parentId: null, tick: null }
    const rule = { cron: null, everyMs: 60_000, timeZone: 'UTC', missed: 'once', overlap: 'allow' } as const
    return { name: `s${index}`, source: 'api', ...rule, template: { id: `t${index}`, ...template, ...rest }, nextAt: 1_020_000 }
  })
  await backend.coordination.upsertSchedules(definitions)
  clock.advance(30_000)
  const scheduler = createScheduler({
    coordination: backend.coordination,
    toTickJob: (template: NewJob, schedule, instant) => ({ ...template, id: `${schedule}-${instant}`, tick: { schedule, instant } }),
    events: createEventHub(createLogger('silent')),
  })
  await scheduler.run()
  const [stats] = await backend.ledger.stats({ queues: null, countCap: 10_000, windowMs: 1_000 })
  expect(stats?.counts.available).toBe(count)
})
