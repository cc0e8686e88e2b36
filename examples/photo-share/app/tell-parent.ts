/** Tells the demo, which started this process, what happens here. A worker that was started by hand has nobody to tell. */
import type { EventName, Kerja } from 'kerja'

const TOLD = [
  'job.spooled',
  'job.started',
  'job.completed',
  'job.retried',
  'job.failed',
  'job.cancelled',
  'job.snoozed',
  'job.released',
  'job.lost',
  'job.rescued',
  'schedule.fired',
  'worker.trouble',
] as const satisfies readonly EventName[]

export type ToldName = (typeof TOLD)[number]

/** What the demo gets to know of an event. */
export interface Told {
  readonly type: 'event'
  readonly name: ToldName
  readonly jobId: string | null
  readonly kind: string | null
  readonly detail: string | null
}

export function tellParent(events: Kerja['events']): void {
  if (process.send === undefined) return
  for (const name of TOLD) {
    events.on(name, (event) => {
      const told: Told = {
        type: 'event',
        name,
        jobId: 'id' in event ? event.id : null,
        kind: 'kind' in event ? event.kind : null,
        detail: detailOf(event),
      }
      // The demo may be gone, and with it the channel.
      if (process.connected) process.send?.(told)
    })
  }
}

function detailOf(event: object): string | null {
  if ('failure' in event) return (event.failure as { message: string }).message
  if ('error' in event) return String(event.error)
  if ('why' in event) return String(event.why)
  if ('cause' in event) return String(event.cause)
  return null
}
