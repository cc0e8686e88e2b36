/**
 * One connection to the server, of which each call has a deadline.
 *
 * States: open → lost. Lost for good: whoever owns it opens another. A socket whose other end vanished says nothing by itself, so a call
 * that has no answer in time takes the connection for dead, and whether it had an effect is then unknown.
 */
import type { Socket } from 'node:net'
import { createTypes, loadPg, type PgClient } from './driver.js'
import { faultOf, isFatal } from './faults.js'
import { locationOf, type StoreConfig } from './options.js'

export interface Connection {
  /** One at a time: the owner sees to it. @throws coded errors; afterwards `lost` may be true. */
  query<Row extends readonly unknown[]>(text: string, values?: readonly unknown[], timeoutMs?: number): Promise<Row[]>
  readonly lost: boolean
  /** The server process, as it calls itself. */
  readonly pid: number
  /** 150004 is 15.4. */
  readonly serverVersion: number
  /** No pooler is in between: the session is ours, so that its locks, settings and subscriptions last. */
  readonly direct: boolean
  /** Called for each notification of another session. Set before LISTEN. */
  onNotification: ((channel: string, pid: number) => void) | undefined
  /** Called once, when it is lost without having been closed. */
  onLost: (() => void) | undefined
  /** While it is idle the process may end. */
  ref(): void
  unref(): void
  /** Gives it up without a goodbye; a call under way fails. */
  abandon(why: string): void
  /** Says goodbye, or cuts it off when that takes long. Never throws. */
  close(): Promise<void>
}

export interface ConnectionTimes {
  /** From the start of a connection to its first answer. */
  readonly connectMs: number
  /** Of a call. Past it the server is asked to end the call; some time later the connection is taken for dead. */
  readonly callMs: number
}

const CONNECT_MS_MAX = 5_000
const CLOSE_MS_MAX = 1_000
/** From the server's own limit of a call to ours: so that a call which is merely slow costs no connection. */
const ANSWER_MS_MAX = 1_000
/** Until the kernel asks whether the other end still lives: only a help, since a call's deadline is what counts. */
const KEEPALIVE_AFTER_MS = 10_000

interface Session extends Connection {
  prepare(callMs: number): Promise<void>
}

export const timesOf = ({ callTimeoutMs }: StoreConfig): ConnectionTimes => ({
  connectMs: Math.min(CONNECT_MS_MAX, callTimeoutMs),
  callMs: callTimeoutMs,
})

/** @throws {BACKEND_UNAVAILABLE} {DRIVER_MISSING} {STORE_DENIED} */
export async function openConnection(config: StoreConfig, times = timesOf(config)): Promise<Connection> {
  const pg = await loadPg()
  const location = locationOf(config)
  const client = new pg.Client({
    connectionString: config.url,
    ...(config.ssl === undefined ? {} : { ssl: config.ssl }),
    types: createTypes(pg),
    connectionTimeoutMillis: times.connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    fallback_application_name: 'kerja',
  })
  const session = createSession(client, location, times.callMs + ANSWER_MS_MAX)
  try {
    await client.connect()
    await session.prepare(times.callMs)
    return session
  } catch (error) {
    cut(client)
    throw faultOf(error, location)
  }
}

function createSession(client: PgClient, location: string, deadlineMs: number): Session {
  let lost = false
  let direct = false
  let pid = 0
  let serverVersion = 0
  let closing: Promise<void> | undefined
  let fail: ((error: unknown) => void) | undefined

  /** The call under way learns of it at once, not when the library has sorted itself out. */
  function lose(error: unknown): void {
    if (lost) return
    lost = true
    cut(client)
    fail?.(error)
    if (closing === undefined) session.onLost?.()
  }
  client.on('error', lose)
  client.on('end', () => lose(new Error('the connection ended')))
  client.on('notification', ({ channel, processId }) => session.onNotification?.(channel, processId))

  function query<Row extends readonly unknown[]>(text: string, values: readonly unknown[] = [], timeoutMs = deadlineMs): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => lose(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      const settle = (): void => {
        clearTimeout(timer)
        fail = undefined
      }
      fail = (error) => {
        settle()
        reject(faultOf(error, location))
      }
      if (lost) return fail(new Error('the connection was lost'))
      // By callback: what the library's promises leave behind keeps answers in memory until a full collection (measured: 30 MiB of a busy worker).
      client.query({ text, values: values as unknown[], rowMode: 'array' }, (error: Error | null, result) => {
        if (error === null) {
          settle()
          // The library's types know nothing of rows as arrays.
          resolve(result.rows as unknown as Row[])
          return
        }
        if (isFatal(error)) lose(error)
        fail?.(error)
      })
    })
  }

  const session: Session = {
    query,
    onNotification: undefined,
    onLost: undefined,
    get lost() {
      return lost
    },
    get direct() {
      return direct
    },
    get pid() {
      return pid
    },
    get serverVersion() {
      return serverVersion
    },
    async prepare(callMs) {
      const [row] = await query<[pid: number, version: number, readOnly: boolean, synchronousCommit: string]>(
        `SELECT pg_backend_pid(), current_setting('server_version_num')::int, current_setting('transaction_read_only')::bool,
          current_setting('synchronous_commit')`,
      )
      const [ownPid, version, readOnly, synchronousCommit] = row as [number, number, boolean, string]
      pid = ownPid
      serverVersion = version
      // A pooler hands out keys of its own making where the server names its process.
      // The library's types do not tell of it.
      direct = (client as unknown as { readonly processID: number | null }).processID === ownPid
      if (readOnly) throw Object.assign(new Error('the node takes no writes'), { severity: 'FATAL', code: '25006' })
      // A pooler refuses settings at the start of a connection and mixes them up later.
      if (!direct) return
      const durable = synchronousCommit === 'off' ? ", set_config('synchronous_commit', 'on', false)" : ''
      await query(
        `SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false), set_config('jit', 'off', false)${durable}`,
        [String(callMs)],
      )
    },
    ref: () => void socketOf(client)?.ref?.(),
    unref: () => void socketOf(client)?.unref?.(),
    abandon: (why) => lose(new Error(why)),
    close() {
      closing ??= end(client, lost).finally(() => {
        lost = true
      })
      return closing
    },
  }
  return session
}

async function end(client: PgClient, lost: boolean): Promise<void> {
  if (lost) return
  const timer = setTimeout(() => cut(client), CLOSE_MS_MAX)
  try {
    await client.end()
  } catch {
    // It is gone, which is what was wanted.
    cut(client)
  } finally {
    clearTimeout(timer)
  }
}

/** Without a goodbye: the other end may be gone, or deaf. */
const cut = (client: PgClient): void => void socketOf(client)?.destroy?.()

/** The types of the library do not tell of it. */
function socketOf(client: PgClient): Partial<Pick<Socket, 'ref' | 'unref' | 'destroy'>> | undefined {
  return (client as unknown as { readonly connection?: { readonly stream?: Socket } }).connection?.stream
}
