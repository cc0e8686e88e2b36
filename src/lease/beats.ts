/**
 * Renews a worker's leases from a thread beside the main one, so that a handler which blocks the main loop keeps them. Per beat: one renewal, one
 * message to the main thread. A failed beat is tried again sooner; the main thread judges by the shared clock cell whether renewal has stopped for too long.
 */
import type { MessagePort } from 'node:worker_threads'
import type { BeatResult, HeartbeatModule } from '../contract/backend.js'
import { monotonicMs } from './monotonic.js'

export interface BeatsData {
  readonly module: string
  readonly config: unknown
  readonly workerId: string
  readonly heartbeatMs: number
  /** One Float64: monotonic ms of the last beat that succeeded. */
  readonly lastBeat: SharedArrayBuffer
}

export type BeatsMessage =
  | { readonly type: 'beat'; readonly startedAtMs: number; readonly result: BeatResult }
  | { readonly type: 'trouble'; readonly message: string }
  /** It could not begin, and the port closes. */
  | { readonly type: 'failed'; readonly message: string; readonly code: unknown }

/** Ends, and closes the port, when told to. Never rejects. */
export async function runBeats(port: MessagePort, data: BeatsData): Promise<void> {
  const post = (message: BeatsMessage): void => port.postMessage(message)
  try {
    await beatOn(port, data, post)
  } catch (error) {
    const { message, code } = error as { readonly message?: unknown; readonly code?: unknown }
    post({ type: 'failed', message: String(message ?? error), code })
    port.close()
  }
}

async function beatOn(port: MessagePort, data: BeatsData, post: (message: BeatsMessage) => void): Promise<void> {
  const cell = new Float64Array(data.lastBeat)
  const { openHeartbeat } = (await import(data.module)) as HeartbeatModule
  const connection = await openHeartbeat(data.config, data.workerId)
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const beat = async (): Promise<void> => {
    const startedAtMs = monotonicMs()
    let waitMs = data.heartbeatMs
    try {
      const result = await connection.beat()
      cell[0] = startedAtMs
      post({ type: 'beat', startedAtMs, result })
    } catch (error) {
      // The store is away or busy: again at once when it is back, before anybody can take this worker for dead.
      waitMs = data.heartbeatMs / 20
      post({ type: 'trouble', message: error instanceof Error ? error.message : String(error) })
    }
    // Cleared, for a beat that was asked for may have ended while this one was under way: one chain of beats is enough.
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(beat, waitMs)
  }

  port.on('message', async (message: 'stop' | 'beat') => {
    clearTimeout(timer)
    if (message === 'beat') return beat()
    stopped = true
    await connection.close()
    port.close()
  })
  await beat()
}
