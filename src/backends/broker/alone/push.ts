/** Where a pushed job goes: to the broker, at once or after a while. What the broker cannot promise of it is refused, job by job. */
import type { Queue } from '../../../contract/backend.js'
import type { NewJob, PushOutcome } from '../../../contract/job.js'
import { UnsupportedError } from '../../../errors.js'
import { messageOf } from '../message.js'
import type { DelayedMessage } from './lone-transport.js'
import type { Unsupported } from './unsupported.js'

export interface Sending {
  /** @throws {UNSUPPORTED} what a broker alone cannot promise */
  messageFor(job: NewJob): DelayedMessage
}

export function createSending(now: () => number, unsupported: Unsupported): Sending {
  return {
    messageFor(job) {
      if (job.unique !== null || job.idempotency !== null) throw unsupported('keep idempotency and unique keys')
      const at = now()
      const delayMs = job.runAt === null ? job.delayMs : Math.max(0, job.runAt - at)
      return { ...messageOf(job, at), delayMs }
    },
  }
}

export interface PushParts {
  readonly sending: Sending
  /** One answer per message: null when it is stored. */
  readonly send: (messages: readonly DelayedMessage[]) => Promise<readonly (Error | null)[]>
  readonly unsupported: Unsupported
}

export function createPush({ sending, send, unsupported }: PushParts): Queue['push'] {
  return async (jobs, options) => {
    if (options?.tx !== undefined) throw unsupported('join a transaction')
    const messages: DelayedMessage[] = []
    const planned = jobs.map((job): number | UnsupportedError => {
      try {
        return messages.push(sending.messageFor(job)) - 1
      } catch (error) {
        if (error instanceof UnsupportedError) return error
        throw error
      }
    })
    const answers = messages.length === 0 ? [] : await send(messages)
    const results = planned.map((place, index): PushOutcome => {
      const error = typeof place === 'number' ? (answers[place] ?? null) : place
      return error === null ? { status: 'created', id: (jobs[index] as NewJob).id } : { status: 'error', error }
    })
    const [first] = results
    // None is stored: the call failed, whatever the jobs.
    if (first?.status === 'error' && results.every(({ status }) => status === 'error')) throw first.error
    return results
  }
}
