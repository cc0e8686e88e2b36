/**
 * The connections of one process, and the only place that opens them for work: it grows on demand, heals itself, and never hammers a server
 * that is away.
 *
 * States: idle (nothing opened yet) → up (at least one connection) ⇄ down (the last was lost; one attempt at a time, the first at once, then with
 * full jitter) → closed. While it is down, calls wait a while and fail with the reason; nothing that was sent is sent again.
 */
import { backoffMs } from '../../core/backoff.js'
import { isKerjaError, KerjaError } from '../../errors.js'
import { type Connection, openConnection } from './connection.js'
import { closedError, sqlstateOf } from './faults.js'
import { locationOf, type StoreConfig } from './options.js'
import { createWatchdog } from './watchdog.js'

export type SessionLane = 'push' | 'work' | 'read'

export interface Pool {
  query<Row extends readonly unknown[]>(text: string, values: readonly unknown[], lane: SessionLane): Promise<Row[]>
  /** Monotonic ms of when calls got through again after an outage; null when there was none. */
  recoveredAt(): number | null
  /** Whether this server process is one of ours. */
  owns(pid: number): boolean
  close(): Promise<void>
}

export interface PoolOptions {
  readonly config: StoreConfig
  /** Calls get through again, after a time in which they did not. */
  readonly onUp: () => void
  readonly random: () => number
}

/** How long a call waits for a connection: an enqueue has a caller who waits, a claim has nothing better to do. */
const WAIT_MS: Readonly<Record<SessionLane, number>> = Object.freeze({ push: 2_000, read: 2_000, work: 5_000 })
const LANES: readonly SessionLane[] = ['work', 'push', 'read']
const WAITING_MAX = 10_000
const RECONNECT = Object.freeze({ firstMs: 100, factor: 2, maxMs: 3_000, jitter: 'full' } as const)
/** A connection that is lost sooner than this was no success: reconnecting goes on where it was. */
const STABLE_MS = 1_000
const CLOSE_MS_MAX = 5_000

interface Waiter {
  readonly take: (connection: Connection) => void
  readonly fail: (error: unknown) => void
}

export function createPool({ config, onUp, random }: PoolOptions): Pool {
  const location = locationOf(config)
  const { connectionCountMax } = config
  const connections = new Set<Connection>()
  const idle: Connection[] = []
  const waiting: Record<SessionLane, Waiter[]> = { work: [], push: [], read: [] }
  const busy: Record<SessionLane, number> = { work: 0, push: 0, read: 0 }
  const watchdog = createWatchdog(() => openConnection(config))
  let openingCount = 0
  let failureCount = 0
  let wasUp = false
  let isUp = false
  let recoveredAt: number | null = null
  let lastError: unknown
  let retry: NodeJS.Timeout | undefined
  let whenQuiet: (() => void) | undefined
  let closing: Promise<void> | undefined

  /** Enqueues and questions leave a connection to settlements and claims, and those leave them one. */
  function hasRoom(lane: SessionLane): boolean {
    if (lane === 'work') return busy.work < connectionCountMax - 1
    if (lane === 'push' && busy.push >= Math.ceil(connectionCountMax / 2)) return false
    return busy.push + busy.read < connectionCountMax - 1
  }

  function dispatch(): void {
    for (const lane of LANES) {
      while (waiting[lane].length > 0 && idle.length > 0 && hasRoom(lane)) {
        const connection = idle.pop() as Connection
        connection.ref()
        busy[lane] += 1
        waiting[lane].shift()?.take(connection)
      }
    }
    const wanted = LANES.reduce((sum, lane) => sum + (hasRoom(lane) ? waiting[lane].length : 0), 0)
    if (wanted > openingCount && connections.size + openingCount < connectionCountMax) grow()
  }

  function grow(): void {
    // One attempt at a time while it is down, and a pause after a failure also while it is up (the server has none left).
    if (retry !== undefined || closing !== undefined || (connections.size === 0 && openingCount > 0)) return
    openingCount += 1
    openConnection(config).then(
      (connection) => {
        openingCount -= 1
        adopt(connection)
      },
      (error: unknown) => {
        openingCount -= 1
        refuse(error)
      },
    )
  }

  function adopt(connection: Connection): void {
    if (closing !== undefined) return void connection.close()
    const openedAt = performance.now()
    connections.add(connection)
    connection.unref()
    idle.push(connection)
    connection.onLost = () => lose(connection, openedAt)
    const isBack = wasUp && !isUp
    isUp = true
    wasUp = true
    if (isBack) recoveredAt = openedAt
    dispatch()
    if (isBack) onUp()
  }

  function lose(connection: Connection, openedAt: number): void {
    connections.delete(connection)
    const index = idle.indexOf(connection)
    if (index >= 0) idle.splice(index, 1)
    if (performance.now() - openedAt >= STABLE_MS) failureCount = 0
    else failureCount += 1
    if (connections.size > 0 || closing !== undefined) return dispatch()
    isUp = false
    if (failureCount === 0) grow()
    else rest()
  }

  function refuse(error: unknown): void {
    lastError = error
    failureCount += 1
    // The first attempt ever, or what no waiting will cure: whoever asked is told at once.
    if (connections.size === 0 && (!wasUp || isHopeless(error))) failWaiting(error)
    rest()
  }

  function rest(): void {
    if (retry !== undefined || closing !== undefined) return
    if (connections.size === 0 && !wasUp && LANES.every((lane) => waiting[lane].length === 0)) return
    retry = setTimeout(
      () => {
        retry = undefined
        if (connections.size === 0) grow()
        else dispatch()
      },
      backoffMs(RECONNECT, failureCount, random),
    )
    retry.unref()
  }

  function failWaiting(error: unknown): void {
    for (const lane of LANES) for (const waiter of waiting[lane].splice(0)) waiter.fail(error)
  }

  function acquire(lane: SessionLane): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (closing !== undefined) return reject(closedError(location))
      const queue = waiting[lane]
      if (queue.length >= WAITING_MAX) return reject(new KerjaError('BACKEND_UNAVAILABLE', `More than ${WAITING_MAX} calls wait for ${location}.`))
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(waiter), 1)
        reject(noConnection(location, WAIT_MS[lane], isUp ? undefined : lastError))
      }, WAIT_MS[lane])
      const waiter: Waiter = {
        take: (connection) => {
          clearTimeout(timer)
          resolve(connection)
        },
        fail: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      queue.push(waiter)
      dispatch()
    })
  }

  function release(connection: Connection, lane: SessionLane): void {
    busy[lane] -= 1
    if (!connection.lost) {
      connection.unref()
      if (closing === undefined) idle.push(connection)
      failureCount = 0
    }
    if (closing !== undefined && LANES.every((each) => busy[each] === 0)) whenQuiet?.()
    dispatch()
  }

  async function close(): Promise<void> {
    clearTimeout(retry)
    failWaiting(closedError(location))
    if (LANES.some((lane) => busy[lane] > 0)) {
      const quiet = new Promise<void>((resolve) => {
        whenQuiet = resolve
      })
      let timer: NodeJS.Timeout | undefined
      await Promise.race([quiet, new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS_MAX)))])
      clearTimeout(timer)
    }
    await Promise.all([...connections].map((connection) => connection.close()))
    watchdog.close()
  }

  return {
    async query(text, values, lane) {
      const connection = await acquire(lane)
      const watched = watchdog.watch(connection)
      try {
        return await connection.query(text, values)
      } finally {
        watchdog.unwatch(watched)
        release(connection, lane)
      }
    },
    recoveredAt: () => recoveredAt,
    owns: (pid) => [...connections].some((connection) => connection.pid === pid),
    close() {
      closing ??= Promise.resolve().then(close)
      return closing
    },
  }
}

/** No driver, no such user, no such database: these stay until somebody acts. */
function isHopeless(error: unknown): boolean {
  const sqlstate = sqlstateOf(error)
  return isKerjaError(error, 'DRIVER_MISSING') || sqlstate === '3D000' || sqlstate?.startsWith('28') === true
}

function noConnection(location: string, waitMs: number, cause: unknown): KerjaError {
  const why =
    cause === undefined ? 'All are in use: raise `connections`, or look for slow calls.' : cause instanceof Error ? cause.message : String(cause)
  return new KerjaError('BACKEND_UNAVAILABLE', `No connection to ${location} within ${waitMs} ms; nothing was sent. ${why}`, { cause })
}
