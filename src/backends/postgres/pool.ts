/**
 * The connections of one process, shared between its calls. It grows on demand and heals itself. While the server is away calls wait a while and
 * fail with the reason; nothing that was sent is sent again.
 */
import { type Connection, openConnection } from './connection.js'
import { closedError } from './faults.js'
import { locationOf, type StoreConfig } from './options.js'
import { createSupply } from './supply.js'
import { createWaiting, LANES, type SessionLane } from './waiting.js'
import { createWatchdog } from './watchdog.js'

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

const CLOSE_MS_MAX = 5_000

export function createPool({ config, onUp, random }: PoolOptions): Pool {
  const location = locationOf(config)
  const idle: Connection[] = []
  const shares = createShares(config.connectionCountMax)
  const waiting = createWaiting(location)
  const watchdog = createWatchdog(() => openConnection(config))
  let whenQuiet: (() => void) | undefined
  let closing: Promise<void> | undefined

  const supply = createSupply({
    config,
    random,
    onUp,
    onHopeless: waiting.failAll,
    onRested: dispatch,
    onOpened(connection) {
      idle.push(connection)
      dispatch()
    },
    onLost(connection) {
      const index = idle.indexOf(connection)
      if (index >= 0) idle.splice(index, 1)
      dispatch()
    },
  })

  function dispatch(): void {
    for (const lane of LANES) {
      while (waiting.count(lane) > 0 && idle.length > 0 && shares.hasRoom(lane)) {
        const connection = idle.pop() as Connection
        connection.ref()
        shares.take(lane)
        waiting.serve(lane, connection)
      }
    }
    supply.grow(LANES.reduce((sum, lane) => sum + (shares.hasRoom(lane) ? waiting.count(lane) : 0), 0))
  }

  async function acquire(lane: SessionLane): Promise<Connection> {
    if (closing !== undefined) throw closedError(location)
    const joined = waiting.join(lane, supply.trouble)
    dispatch()
    return joined
  }

  function release(connection: Connection, lane: SessionLane): void {
    shares.give(lane)
    if (!connection.lost) {
      connection.unref()
      idle.push(connection)
      supply.worked()
    }
    if (closing === undefined) dispatch()
    else if (shares.busyCount() === 0) whenQuiet?.()
  }

  async function close(): Promise<void> {
    supply.stop()
    waiting.failAll(closedError(location))
    if (shares.busyCount() > 0) await new Promise<void>((resolve) => afterAtMost(CLOSE_MS_MAX, resolve, (done) => (whenQuiet = done)))
    await Promise.all([...supply.connections].map((connection) => connection.close()))
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
    recoveredAt: supply.recoveredAt,
    owns: (pid) => [...supply.connections].some((connection) => connection.pid === pid),
    close() {
      closing ??= Promise.resolve().then(close)
      return closing
    },
  }
}

function afterAtMost(ms: number, resolve: () => void, hand: (done: () => void) => void): void {
  const timer = setTimeout(resolve, ms)
  hand(() => {
    clearTimeout(timer)
    resolve()
  })
}

/** Who may use how many: enqueues and questions leave a connection to settlements and claims, and those leave them one. */
function createShares(connectionCountMax: number) {
  const busy: Record<SessionLane, number> = { work: 0, push: 0, read: 0 }
  return {
    hasRoom(lane: SessionLane): boolean {
      if (lane === 'work') return busy.work < connectionCountMax - 1
      if (lane === 'push' && busy.push >= Math.ceil(connectionCountMax / 2)) return false
      return busy.push + busy.read < connectionCountMax - 1
    },
    take(lane: SessionLane): void {
      busy[lane] += 1
    },
    give(lane: SessionLane): void {
      busy[lane] -= 1
    },
    busyCount: (): number => busy.work + busy.push + busy.read,
  }
}
