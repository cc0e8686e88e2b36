/** Recurring rules: kept by name, fired once per tick whoever notices it first. */

import type { ScheduleDefinition, ScheduleFiring, ScheduleRecord } from '../../contract/index.js'
import { isTerminal } from '../../core/state.js'
import { pushJob } from './push.js'
import type { Store } from './store.js'
import { isLive, wake } from './store.js'
import { stateOf } from './view.js'

export function upsertSchedules(
  store: Store,
  definitions: readonly ScheduleDefinition[],
  reconciledKinds: readonly string[] | undefined,
  now: number,
): void {
  for (const definition of definitions) {
    const known = store.schedules.get(definition.name)
    const nextAt = known !== undefined && sameRule(known, definition) ? known.nextAt : definition.nextAt
    store.schedules.set(definition.name, {
      ...structuredClone(definition),
      nextAt,
      paused: known?.paused ?? false,
      lastAt: known?.lastAt ?? null,
      lastJobId: known?.lastJobId ?? null,
    })
  }
  if (reconciledKinds === undefined) return
  const declared = new Set(definitions.map((definition) => definition.name))
  for (const worker of store.workers.values()) {
    if (isLive(worker, now)) for (const name of worker.registration.schedules) declared.add(name)
  }
  for (const [name, schedule] of store.schedules) {
    if (schedule.source === 'worker' && !declared.has(name) && reconciledKinds.includes(schedule.template.kind)) store.schedules.delete(name)
  }
}

export const sameRule = (a: ScheduleDefinition, b: ScheduleDefinition): boolean =>
  a.cron === b.cron && a.everyMs === b.everyMs && a.timeZone === b.timeZone

export const removeSchedules = (store: Store, names: readonly string[]): boolean[] => names.map((name) => store.schedules.delete(name))

export function pauseSchedule(store: Store, name: string, paused: boolean): boolean {
  const schedule = store.schedules.get(name)
  if (schedule === undefined) return false
  store.schedules.set(name, { ...schedule, paused })
  return true
}

export function dueSchedules(store: Store, limit: number, now: number): { readonly now: number; readonly due: readonly ScheduleRecord[] } {
  const due = [...store.schedules.values()].filter((schedule) => !schedule.paused && schedule.nextAt <= now).sort((a, b) => a.nextAt - b.nextAt)
  return { now, due: structuredClone(due.slice(0, limit)) }
}

export function fireSchedule(store: Store, firing: ScheduleFiring, now: number): readonly string[] | null {
  const schedule = store.schedules.get(firing.name)
  if (schedule === undefined || schedule.paused || schedule.nextAt !== firing.expectedNextAt) return null
  const created: string[] = []
  let lastJobId = schedule.lastJobId
  for (const job of firing.jobs) {
    if (firing.overlap === 'skip' && lives(store, lastJobId, now)) continue
    const result = pushJob(store, job, now)
    if (result.status !== 'created') continue
    created.push(result.id)
    lastJobId = result.id
  }
  store.schedules.set(firing.name, { ...schedule, nextAt: firing.nextAt, lastAt: firing.expectedNextAt, lastJobId })
  if (created.length > 0) wake(store, 'available')
  return created
}

function lives(store: Store, id: string | null, now: number): boolean {
  const job = id === null ? undefined : store.jobs.get(id)
  return job !== undefined && !isTerminal(stateOf(job, now))
}
