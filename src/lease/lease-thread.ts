/**
 * The lease thread: renews the worker's leases with a connection and an event loop of its own, so that a handler which blocks the main
 * loop keeps them. Per beat: one renewal, one message to the main thread. A failed beat is tried again sooner; the main thread judges by
 * the shared clock cell whether renewal has stopped for too long.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { BeatResult, HeartbeatModule } from '../contract/backend.js'
import { monotonicMs } from './monotonic.js'

export interface LeaseThreadData {
  readonly module: string
  readonly config: unknown
  readonly workerId: string
  readonly heartbeatMs: number
  /** One Float64: monotonic ms of the last beat that succeeded. */
  readonly lastBeat: SharedArrayBuffer
}

export type LeaseThreadMessage =
  | { readonly type: 'beat'; readonly startedAtMs: number; readonly result: BeatResult }
  | { readonly type: 'trouble'; readonly message: string }

// No await at the top: `require` cannot load a module that has one. A rejection ends the thread with its error.
if (parentPort !== null) void run(parentPort, workerData as LeaseThreadData)

async function run(port: NonNullable<typeof parentPort>, data: LeaseThreadData): Promise<void> {
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
      port.postMessage({ type: 'beat', startedAtMs, result } satisfies LeaseThreadMessage)
    } catch (error) {
      // The store is away or busy: again at once when it is back, before anybody can take this worker for dead.
      waitMs = data.heartbeatMs / 20
      port.postMessage({ type: 'trouble', message: error instanceof Error ? error.message : String(error) } satisfies LeaseThreadMessage)
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
