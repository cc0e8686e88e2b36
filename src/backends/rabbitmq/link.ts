/**
 * A connection that is there when it is needed, and that heals itself.
 *
 * States: none (nothing asked for yet) → opening → up ⇄ away (lost: the first try at once, then with full jitter) → closed. Before it was ever up,
 * nothing is tried that was not asked for. While it is away, calls fail at once with the reason.
 */
import { type BackoffPolicy, backoffMs } from '../../core/backoff.js'
import type { KerjaError } from '../../errors.js'
import { type Connection, openConnection } from './connection.js'
import { closedError, faultOf } from './faults.js'
import type { TransportConfig } from './options.js'

export interface Link {
  /** The connection; opened, when there is none and no pause after a failure. @throws {BACKEND_UNAVAILABLE} {BACKEND_CLOSED} {DRIVER_MISSING} */
  use(): Promise<Connection>
  /** As `use`, but does not mind the pause. */
  open(): Promise<Connection>
  close(): Promise<void>
}

export interface LinkOptions {
  readonly config: TransportConfig
  /** Its name in the broker's list of connections. */
  readonly purpose: string
  readonly random: () => number
  /** It is there again after it was lost. */
  readonly onBack: () => void
}

const RECONNECT: BackoffPolicy = Object.freeze({ firstMs: 100, factor: 2, maxMs: 5_000, jitter: 'full' })
/** A connection that is lost sooner than this was no success: reconnecting goes on where it was. */
const STABLE_MS = 1_000

export function createLink({ config, purpose, random, onBack }: LinkOptions): Link {
  const { location } = config
  let connection: Connection | null = null
  let opening: Promise<Connection> | null = null
  let failureCount = 0
  let wasUp = false
  let lastError: KerjaError | null = null
  let pause: NodeJS.Timeout | undefined
  let isClosed = false

  function open(): Promise<Connection> {
    if (isClosed) return Promise.reject(closedError(location))
    if (connection !== null) return Promise.resolve(connection)
    clearTimeout(pause)
    pause = undefined
    opening ??= openConnection(config, purpose)
      .then(adopt, refused)
      .finally(() => {
        opening = null
      })
    return opening
  }

  function adopt(opened: Connection): Connection {
    if (isClosed) {
      void opened.close()
      throw closedError(location)
    }
    if (opened.lost) return refused(new Error('the connection ended at once'))
    const openedAt = performance.now()
    opened.onLost = (error) => lose(error, openedAt)
    connection = opened
    const isBack = wasUp
    wasUp = true
    if (isBack) onBack()
    return opened
  }

  function refused(error: unknown): never {
    lastError = faultOf(error, location)
    failureCount += 1
    rest()
    throw lastError
  }

  function lose(error: unknown, openedAt: number): void {
    connection = null
    lastError = faultOf(error ?? new Error('the connection ended'), location)
    failureCount = performance.now() - openedAt >= STABLE_MS ? 0 : failureCount + 1
    if (failureCount > 0) rest()
    else retry()
  }

  function rest(): void {
    if (isClosed) return
    pause = setTimeout(retry, backoffMs(RECONNECT, failureCount, random))
    pause.unref()
  }

  function retry(): void {
    pause = undefined
    // What comes of it is in `lastError`, for whoever calls next.
    if (wasUp && !isClosed) open().catch(() => undefined)
  }

  return {
    open,
    use: () => (pause === undefined || isClosed ? open() : Promise.reject(lastError)),
    async close() {
      isClosed = true
      clearTimeout(pause)
      await connection?.close()
    },
  }
}
