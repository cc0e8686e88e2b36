/**
 * Keeps this worker's leases: starts the lease thread (or an inline heartbeat), compares what the store says is held with what runs here,
 * and reports what is gone. States: starting → beating → stopped. A crash leaves nothing to undo: the store sees the beats end.
 */
import { Worker as Thread } from 'node:worker_threads'
import type { BeatResult, HeartbeatConnection, HeartbeatSource } from '../contract/backend.js'
import { toJobFailure } from '../core/failure.js'
import { ERROR_CODES, KerjaError, type KerjaErrorCode } from '../errors.js'
import type { LeaseThreadData, LeaseThreadMessage } from './lease-thread.js'
import { monotonicMs } from './monotonic.js'

export interface LeaseKeeperOptions {
  readonly source: HeartbeatSource
  readonly workerId: string
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** What the store says, and when (monotonic ms) the question was asked: claims newer than that are not in it. */
  readonly onBeat: (result: BeatResult, askedAtMs: number) => void
  /** No beat succeeded for so long that the leases are about to lapse (once per outage), or `died`: no beat will ever come. */
  readonly onStale: (why: string, died: boolean) => void
  readonly onTrouble: (message: string) => void
}

export interface LeaseKeeper {
  /** Resolves after the first successful beat. */
  start(): Promise<void>
  /** Beats now: makes cancellations and losses known without waiting for the next beat. */
  beatNow(): void
  stop(): Promise<void>
}

/** Part of the lease after which handlers are aborted: early enough that none outlives its lease. */
const STALE_SHARE = 0.8
/** From asking the lease thread to end to ending it. */
const STOP_MS_MAX = 500

/** It does little: a small young generation keeps the process small. */
const THREAD_LIMITS = Object.freeze({ maxYoungGenerationSizeMb: 1 })

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const lastBeat = new SharedArrayBuffer(8)
  const cell = new Float64Array(lastBeat)
  let watchdog: NodeJS.Timeout | undefined
  let stale = false
  const beater = options.source.kind === 'thread' ? threadBeater(options.source, options, lastBeat) : inlineBeater(options.source.open, options, cell)

  const check = (): void => {
    const silentMs = monotonicMs() - (cell[0] as number)
    const isStale = silentMs > options.leaseMs * STALE_SHARE
    if (isStale && !stale) options.onStale(`no heartbeat succeeded for ${Math.round(silentMs)} ms`, false)
    stale = isStale
  }

  return {
    async start() {
      cell[0] = monotonicMs()
      await beater.start()
      watchdog = setInterval(check, options.heartbeatMs / 4)
      watchdog.unref()
    },
    beatNow: () => beater.beatNow(),
    async stop() {
      clearInterval(watchdog)
      await beater.stop()
    },
  }
}

type Beater = Pick<LeaseKeeper, 'start' | 'beatNow' | 'stop'>

function threadBeater(source: Extract<HeartbeatSource, { kind: 'thread' }>, options: LeaseKeeperOptions, lastBeat: SharedArrayBuffer): Beater {
  let thread: Thread | undefined
  let exited: Promise<unknown> | undefined
  let stopping = false
  const launch = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const data: LeaseThreadData = {
        module: source.module,
        config: source.config,
        workerId: options.workerId,
        heartbeatMs: options.heartbeatMs,
        lastBeat,
      }
      const started = new Thread(new URL('./lease-thread.js', import.meta.url), {
        workerData: data,
        name: 'kerja-lease',
        resourceLimits: THREAD_LIMITS,
      })
      thread = started
      let failure: Error | undefined
      exited = new Promise((done) => started.once('exit', done))
      started.on('message', (message: LeaseThreadMessage) => {
        if (message.type === 'trouble') return options.onTrouble(message.message)
        resolve()
        options.onBeat(message.result, message.startedAtMs)
      })
      started.once('error', (error) => {
        failure = withItsClass(error)
      })
      started.once('exit', (code) => {
        reject(failure ?? new KerjaError('BACKEND_UNAVAILABLE', `The lease thread ended with code ${code} before its first beat.`))
        // A thread that dies is not restarted under leases it may have lost.
        if (!stopping) options.onStale(`the lease thread died: ${failure?.message ?? `it ended with code ${code}`}`, true)
      })
    })
  return {
    start: launch,
    beatNow: () => thread?.postMessage('beat'),
    async stop() {
      stopping = true
      thread?.postMessage('stop')
      // Its connection may hang; without the thread there are no beats, which is what matters.
      const timer = setTimeout(() => void thread?.terminate(), STOP_MS_MAX)
      await exited
      clearTimeout(timer)
    },
  }
}

/** An error loses its class on its way between threads; its code says which it had. */
function withItsClass(error: Error & { readonly code?: unknown }): Error {
  const { code } = error
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)
    ? new KerjaError(code as KerjaErrorCode, error.message, { cause: error })
    : error
}

function inlineBeater(open: (workerId: string) => HeartbeatConnection, options: LeaseKeeperOptions, cell: Float64Array): Beater {
  let connection: HeartbeatConnection | undefined
  let timer: NodeJS.Timeout | undefined
  const beat = async (): Promise<void> => {
    const askedAtMs = monotonicMs()
    const result = await connection?.beat()
    if (result === undefined) return
    cell[0] = askedAtMs
    options.onBeat(result, askedAtMs)
  }
  const beatSafely = (): void => void beat().catch((error: unknown) => options.onTrouble(toJobFailure(error).message))
  return {
    async start() {
      connection = open(options.workerId)
      await beat()
      timer = setInterval(beatSafely, options.heartbeatMs)
      timer.unref()
    },
    beatNow: beatSafely,
    async stop() {
      clearInterval(timer)
      await connection?.close()
      connection = undefined
    },
  }
}
