/**
 * Opens connections, and never hammers a server that is away.
 *
 * States: empty (nothing opened yet) → up (at least one) ⇄ down (the last was lost; one attempt at a time, the first at once, then with full
 * jitter) → closed.
 */
import { backoffMs } from '../../core/backoff.js'
import { isKerjaError } from '../../errors.js'
import { type Connection, openConnection } from './connection.js'
import { sqlstateOf } from './faults.js'
import type { StoreConfig } from './options.js'

export interface Supply {
  readonly connections: ReadonlySet<Connection>
  /** Opens one more, unless that must wait. `wantedCount` calls have none. */
  grow(wantedCount: number): void
  /** A call went through: what failed before is over. */
  worked(): void
  /** Why there is none; undefined while there is. */
  trouble(): unknown
  /** Monotonic ms of when there was one again after an outage; null when there was no outage. */
  recoveredAt(): number | null
  /** No further ones. Those there are stay open. */
  stop(): void
}

export interface SupplyOptions {
  readonly config: StoreConfig
  readonly random: () => number
  readonly onOpened: (connection: Connection) => void
  readonly onLost: (connection: Connection) => void
  /** Nobody needs to wait for this to pass. */
  readonly onHopeless: (error: unknown) => void
  /** There is one again after an outage. */
  readonly onUp: () => void
  /** A pause is over: somebody may want one. */
  readonly onRested: () => void
}

const RECONNECT = Object.freeze({ firstMs: 100, factor: 2, maxMs: 3_000, jitter: 'full' } as const)
/** A connection that is lost sooner than this was no success: reconnecting goes on where it was. */
const STABLE_MS = 1_000

export function createSupply(options: SupplyOptions): Supply {
  const { config, random, onOpened, onLost, onHopeless, onUp, onRested } = options
  const connections = new Set<Connection>()
  let openingCount = 0
  let failureCount = 0
  let wasUp = false
  let isUp = false
  let recoveredAt: number | null = null
  let lastError: unknown
  let retry: NodeJS.Timeout | undefined
  let stopped = false

  function grow(wantedCount: number): void {
    if (wantedCount <= openingCount || connections.size + openingCount >= config.connectionCountMax) return
    // One attempt at a time while it is down, and a pause after a failure also while it is up (the server has none left).
    if (retry === undefined && !stopped && (connections.size > 0 || openingCount === 0)) open()
  }

  function open(): void {
    openingCount += 1
    openConnection(config).then(
      (connection) => {
        openingCount -= 1
        adopt(connection)
      },
      (error: unknown) => {
        openingCount -= 1
        refused(error)
      },
    )
  }

  function adopt(connection: Connection): void {
    if (stopped) {
      void connection.close()
      return
    }
    const openedAt = performance.now()
    connection.onLost = () => lose(connection, openedAt)
    connection.unref()
    connections.add(connection)
    const isBack = wasUp && !isUp
    isUp = true
    wasUp = true
    if (isBack) recoveredAt = openedAt
    onOpened(connection)
    if (isBack) onUp()
  }

  function lose(connection: Connection, openedAt: number): void {
    connections.delete(connection)
    failureCount = performance.now() - openedAt >= STABLE_MS ? 0 : failureCount + 1
    onLost(connection)
    if (connections.size > 0 || stopped) return
    isUp = false
    if (failureCount > 0) rest()
    else if (openingCount === 0) open()
  }

  function refused(error: unknown): void {
    lastError = error
    failureCount += 1
    // Before it was ever up, nobody is made to wait for it, and nothing is tried that was not asked for.
    if (connections.size === 0 && (!wasUp || isHopeless(error))) onHopeless(error)
    if (wasUp) rest()
  }

  function rest(): void {
    if (retry !== undefined || stopped) return
    retry = setTimeout(
      () => {
        retry = undefined
        if (connections.size === 0) open()
        else onRested()
      },
      backoffMs(RECONNECT, failureCount, random),
    )
    retry.unref()
  }

  return {
    connections,
    grow,
    worked() {
      failureCount = 0
    },
    trouble: () => (isUp ? undefined : lastError),
    recoveredAt: () => recoveredAt,
    stop() {
      stopped = true
      clearTimeout(retry)
    },
  }
}

/** No driver, no such user, no such database: these stay until somebody acts. */
function isHopeless(error: unknown): boolean {
  const sqlstate = sqlstateOf(error)
  return isKerjaError(error, 'DRIVER_MISSING') || sqlstate === '3D000' || sqlstate?.startsWith('28') === true
}
