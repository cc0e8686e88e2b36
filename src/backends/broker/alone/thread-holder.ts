/** The holder of this thread, found by the heartbeats that run in it. */
import type { HeartbeatConnection } from '../../../contract/backend.js'
import type { Holder } from './holder.js'

let holder: Holder | undefined

export function setHolder(own: Holder): void {
  holder = own
}

/** Named by `queue.heartbeat.module`. The transport itself keeps what is held; a beat says what that is. */
export function openHeartbeat(_config: unknown, workerId: string): HeartbeatConnection {
  const own = holder
  if (own === undefined) throw new Error('kerja: this heartbeat runs only in the thread of its transport')
  return { beat: () => own.beat(workerId), close: () => undefined }
}
