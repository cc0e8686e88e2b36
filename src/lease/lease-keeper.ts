/**
 * Keeps this worker's leases: has them renewed beside the main thread (or by an inline heartbeat), compares what the store says is held with what runs here,
 * and reports what is gone. States: starting → beating → stopped. A crash leaves nothing to undo: the store sees the beats end.
 */
import { MessageChannel, Worker as Thread } from 'node:worker_threads'
import type { BeatResult, HeartbeatConnection, HeartbeatSource } from '../contract/backend.js'
import { toJobFailure } from '../core/failure.js'
import { ERROR_CODES, KerjaError, type KerjaErrorCode } from '../errors.js'
import type { BeatsData, BeatsMessage } from './beats.js'
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
/** From asking whoever beats to end to no longer waiting for it. */
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

type ThreadSource = Extract<HeartbeatSource, { readonly kind: 'thread' }>
type Beater = Pick<LeaseKeeper, 'start' | 'beatNow' | 'stop'>

/** The way to whoever beats beside the main thread. */
interface Beats {
  readonly port: {
    on(event: 'message', listener: (message: BeatsMessage) => void): unknown
    postMessage(message: 'stop' | 'beat'): void
  }
  /** Resolves with what is known of it when nobody beats any more. */
  readonly ended: Promise<Error | string>
  /** Waits for nobody. */
  end(): void
}

function startThread(data: BeatsData): Beats {
  const thread = new Thread(new URL('./lease-thread.js', import.meta.url), { workerData: data, name: 'kerja-lease', resourceLimits: THREAD_LIMITS })
  let failure: Error | undefined
  thread.once('error', (error) => {
    failure = error
  })
  return {
    port: thread,
    ended: new Promise((resolve) => thread.once('exit', (code) => resolve(failure ?? `it ended with code ${code}`))),
    end: () => void thread.terminate(),
  }
}

function startHosted(host: NonNullable<ThreadSource['host']>, data: BeatsData): Beats {
  const { port1, port2 } = new MessageChannel()
  host({ runner: new URL('./beats.js', import.meta.url).href, port: port2, data })
  return {
    port: port1,
    ended: new Promise((resolve) => port1.once('close', () => resolve('the thread of the backend ended'))),
    end: () => port1.close(),
  }
}

function threadBeater({ module, config, host }: ThreadSource, options: LeaseKeeperOptions, lastBeat: SharedArrayBuffer): Beater {
  let beats: Beats | undefined
  let ended: Promise<void> | undefined
  let stopping = false
  const launch = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const { workerId, heartbeatMs } = options
      const data: BeatsData = { module, config, workerId, heartbeatMs, lastBeat }
      const started = host === undefined ? startThread(data) : startHosted(host, data)
      beats = started
      let failure: Error | undefined
      started.port.on('message', (message: BeatsMessage) => {
        if (message.type === 'trouble') return options.onTrouble(message.message)
        if (message.type === 'failed') {
          failure = withItsClass(Object.assign(new Error(message.message), { code: message.code }))
          // What it had opened by then may keep its thread alive.
          started.end()
          return
        }
        resolve()
        options.onBeat(message.result, message.startedAtMs)
      })
      ended = started.ended.then((how) => {
        const error = failure ?? (typeof how === 'string' ? undefined : withItsClass(how))
        reject(error ?? new KerjaError('BACKEND_UNAVAILABLE', `Renewing leases ended before its first beat: ${how}.`))
        // It is not begun again under leases that may have been lost.
        if (!stopping) options.onStale(`renewing leases ended: ${error?.message ?? how}`, true)
      })
    })
  return {
    start: launch,
    beatNow: () => beats?.port.postMessage('beat'),
    async stop() {
      stopping = true
      beats?.port.postMessage('stop')
      // Whoever beats may be busy or hang: it ends when it gets to the message, and is not waited for longer.
      const timer = setTimeout(() => beats?.end(), STOP_MS_MAX)
      await ended
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
