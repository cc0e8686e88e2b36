/**
 * Turns due schedules into jobs. The leader does it; should two do it, the store lets one through: a firing names the `nextAt` it starts
 * from, moves it on and creates the jobs in one step, and a tick's job has an id made of schedule and instant.
 */
import type { Backend } from '../contract/backend.js'
import type { ScheduleRecord } from '../contract/coordination.js'
import type { NewJob } from '../contract/job.js'
import { planTicks } from '../core/cron.js'
import { DEFAULTS } from '../core/options.js'
import type { Duty } from '../maintenance/duty.js'
import type { EventHub } from '../observe/events.js'

export interface SchedulerOptions {
  readonly coordination: Backend['coordination']
  readonly toTickJob: (template: NewJob, schedule: string, instant: number) => NewJob
  readonly events: EventHub
}

export function createScheduler(options: SchedulerOptions): Duty {
  const { coordination, events } = options
  const fire = async (schedule: ScheduleRecord, now: number): Promise<void> => {
    const { name, nextAt, missed, overlap, template } = schedule
    const plan = planTicks({ rule: schedule, nextAt, now, missed, limit: DEFAULTS.maintenance.ticksMax })
    const jobs = plan.instants.map((instant) => options.toTickJob(template, name, instant))
    const jobIds = await coordination.fireSchedule({ name, expectedNextAt: nextAt, nextAt: plan.nextAt, overlap, jobs })
    if (jobIds !== null && jobIds.length > 0) events.emit('schedule.fired', { schedule: name, jobIds })
  }
  return {
    name: 'schedules',
    everyMs: DEFAULTS.maintenance.scheduleMs,
    leader: true,
    async run() {
      const limit = DEFAULTS.maintenance.schedulesMax
      for (;;) {
        const { now, due } = await coordination.dueSchedules({ limit })
        // One broken schedule must not keep the others from firing.
        const results = await Promise.allSettled(due.map((schedule) => fire(schedule, now)))
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw failed.reason
        if (due.length < limit) return
      }
    },
  }
}
