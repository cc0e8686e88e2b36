/**
 * Finds connections whose other end has vanished, sooner than a call's deadline does: of a call that takes long the server is asked, on a fresh
 * connection, whether it is still at it. A server that is not has either never heard the question or its answer was lost.
 *
 * Nothing is sent again, and a call that is merely slow is left alone.
 */
import type { Connection } from './connection.js'

export interface Watchdog {
  watch(connection: Connection): Watched
  unwatch(watched: Watched): void
  close(): void
}

export interface Watched {
  readonly connection: Connection
  askAt: number
  pauseMs: number
}

const LOOK_MS = 500
/** A call that takes this long is asked after; a slow one again after twice the time, and so on. */
const ASK_AFTER_MS = 2_000
/** An answer on its way gets this long to arrive. */
const ARRIVAL_MS = 250

export function createWatchdog(open: () => Promise<Connection>): Watchdog {
  const calls = new Set<Watched>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function look(): void {
    timer = undefined
    const now = performance.now()
    const due = [...calls].filter((watched) => watched.connection.direct && now >= watched.askAt)
    for (const watched of due) {
      watched.pauseMs *= 2
      watched.askAt = now + watched.pauseMs
    }
    if (due.length > 0) void ask(due)
    arm()
  }

  function arm(): void {
    if (timer !== undefined || closed || calls.size === 0) return
    timer = setTimeout(look, LOOK_MS)
    timer.unref()
  }

  async function ask(due: readonly Watched[]): Promise<void> {
    let probe: Connection | undefined
    try {
      probe = await open()
      const rows = await probe.query<[pid: number]>("SELECT pid FROM pg_stat_activity WHERE pid = ANY($1) AND state = 'active'", [
        due.map(({ connection }) => connection.pid),
      ])
      const active = new Set(rows.map(([pid]) => pid))
      await new Promise((resolve) => setTimeout(resolve, ARRIVAL_MS))
      for (const watched of due) {
        if (calls.has(watched) && !active.has(watched.connection.pid))
          watched.connection.abandon('the server is not at work on the call: its other end is gone')
      }
    } catch {
      // The server cannot be asked now; the call's own deadline stands.
    } finally {
      await probe?.close()
    }
  }

  return {
    watch(connection) {
      const watched: Watched = { connection, askAt: performance.now() + ASK_AFTER_MS, pauseMs: ASK_AFTER_MS }
      calls.add(watched)
      arm()
      return watched
    },
    unwatch: (watched) => void calls.delete(watched),
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
