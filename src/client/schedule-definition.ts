/** Turns a declared schedule into what a backend keeps, and one of its ticks into a job. */
import type { ScheduleDefinition } from '../contract/coordination.js'
import type { NewJob } from '../contract/job.js'
import { nextTick } from '../core/cron.js'
import { deriveId } from '../core/derive-id.js'
import type { EnqueueOptions } from '../define/job.js'
import type { ScheduleDeclaration } from '../define/schedule.js'
import { KerjaError, quote } from '../errors.js'
import { checkJob, checkObject } from './options.js'
import { type Preparer, sha256 } from './prepare.js'

// Each says something about one job, and a schedule makes many: an idempotency key, say, would merge all ticks of a week into the first.
const NOT_FOR_TICKS: readonly (keyof EnqueueOptions)[] = ['id', 'idempotencyKey', 'delay', 'runAt', 'tx']

export interface ScheduleDefinitionParts {
  readonly source: ScheduleDefinition['source']
  /** Where the first tick is looked for, by the store's clock. */
  readonly now: number
  readonly prepare: Preparer['prepare']
}

/** @throws {SCHEDULE_INVALID} {OPTION_INVALID} and what preparing a job throws */
export async function toScheduleDefinition(
  declaration: ScheduleDeclaration,
  { source, now, prepare }: ScheduleDefinitionParts,
): Promise<ScheduleDefinition> {
  checkDeclaration(declaration)
  const { name, request, rule, missed, overlap } = declaration
  for (const option of NOT_FOR_TICKS) {
    if ((request.options as EnqueueOptions)[option] === undefined) continue
    throw new KerjaError(
      'OPTION_INVALID',
      `Schedule ${quote(name)} gives its job the option ${option}, which cannot hold for every tick. Leave it out.`,
      {
        details: { schedule: name, option },
      },
    )
  }
  const template = await prepare({ job: request.job, payload: request.payload, options: request.options })
  const nextAt = nextTick(rule, now)
  return { name, source, cron: rule.cron, everyMs: rule.everyMs, timeZone: rule.timeZone, missed, overlap, template, nextAt }
}

/** Its id is made of the schedule's name and the instant, so that whoever fires it makes the same job. */
export const toTickJob = (template: NewJob, schedule: string, instant: number): NewJob => ({
  ...template,
  id: deriveId(sha256, instant, 'tick', schedule),
  delayMs: 0,
  // The tick's own instant, so that latency counts from when it was due.
  runAt: instant,
  tick: { schedule, instant },
})

function checkDeclaration(declaration: ScheduleDeclaration): void {
  checkObject(declaration, 'A schedule')
  if (typeof declaration.name !== 'string' || typeof declaration.rule !== 'object') {
    throw new KerjaError('SCHEDULE_INVALID', `A schedule must be one made by defineSchedule(…); got ${quote(declaration)}.`)
  }
  checkObject(declaration.request, `The job of schedule ${quote(declaration.name)}`)
  checkJob(declaration.request.job)
  checkObject(declaration.request.options, `The options of the job of schedule ${quote(declaration.name)}`)
}
