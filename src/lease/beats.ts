/**
 * Renews a worker's leases from a thread beside the main one, so that a handler which blocks the main loop keeps them. Per beat: one renewal, one message to
 * the main thread. A failed beat is tried again sooner; the main thread judges by the shared clock cell whether renewal has stopped for too long.
 *
 * States: opening → beating → ended, or failed. A crash leaves nothing to undo: the store sees the beats end.
 */
import type { MessagePort } from 'node:worker_threads'
import type { BeatResult, HeartbeatConnection, HeartbeatModule } from '../contract/backend.js'
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

const post = (port: MessagePort, message: BeatsMessage): void => port.postMessage(message)
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Ends when told to, or when the port closes. Never rejects. */
export async function runBeats(port: MessagePort, data: BeatsData): Promise<void> {
  try {
    await beatOn(port, data)
  } catch (error) {
    post(port, { type: 'failed', message: wordsOf(error), code: (error as { readonly code?: unknown }).code })
    port.close()
  }
}

async function beatOn(port: MessagePort, data: BeatsData): Promise<void> {
  const cell = new Float64Array(data.lastBeat)
  let timer: NodeJS.Timeout | undefined
  let ended = false
  let connection: HeartbeatConnection | undefined

  async function end(): Promise<void> {
    ended = true
    clearTimeout(timer)
    const closing = connection
    connection = undefined
    try {
      await closing?.close()
    } catch (error) {
      post(port, { type: 'trouble', message: wordsOf(error) })
    }
    port.close()
  }

  // First of all: the port may close at any time, also while the connection opens.
  port.once('close', end)
  const { openHeartbeat } = (await import(data.module)) as HeartbeatModule
  const opened = await openHeartbeat(data.config, data.workerId)
  connection = opened
  if (ended) return end()

  const beat = async (): Promise<void> => {
    const startedAtMs = monotonicMs()
    let waitMs = data.heartbeatMs
    try {
      const result = await opened.beat()
      cell[0] = startedAtMs
      post(port, { type: 'beat', startedAtMs, result })
    } catch (error) {
      // The store is away or busy: again at once when it is back, before anybody can take this worker for dead.
      waitMs = data.heartbeatMs / 20
      post(port, { type: 'trouble', message: wordsOf(error) })
    }
    // Cleared, for a beat that was asked for may have ended while this one was under way: one chain of beats is enough.
    clearTimeout(timer)
    if (!ended) timer = setTimeout(beat, waitMs)
  }

  port.on('message', (message: 'stop' | 'beat') => {
    clearTimeout(timer)
    return message === 'beat' ? beat() : end()
  })
  await beat()
}
