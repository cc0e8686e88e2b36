/**
 * The lease thread's side of the backend: one small write per beat on a connection of its own, and the advisory lock that proves its process
 * lives.
 *
 * States: connected ⇄ away (a beat fails and the next connects anew) → closed. A crash leaves the lock free, since it ends with the session:
 * that, together with a beat that is overdue, is how others know.
 */
import type { BeatResult, HeartbeatConnection } from '../../contract/backend.js'
import { clockFrom } from '../../contract/clock.js'
import { type Connection, openConnection } from './connection.js'
import { processLockOf } from './migrations/coordination.js'
import { quoteIdentifier, type StoreConfig } from './options.js'

/** Short against the lease: a beat that has no answer in this time is given up, and the next one connects anew. */
const TIMES = Object.freeze({ connectMs: 2_000, callMs: 1_000 })
const CLAIM_SLACK_MS = 5_000

type BeatRow = readonly [
  alive: boolean,
  beatenAt: number,
  oldest: number | null,
  jobIds: readonly string[],
  tokens: readonly number[],
  cancels: readonly boolean[],
]

/** Named by `queue.heartbeat.module`. Its errors are coded: what the library throws loses its words between threads. */
export async function openHeartbeat(given: unknown, workerId: string): Promise<HeartbeatConnection> {
  const config = given as StoreConfig
  const schema = quoteIdentifier(config.schema)
  const clock = clockFrom(config.clockBuffer)
  let connection: Connection | undefined
  let locked = false
  let since = 0
  let closed = false

  async function connect(): Promise<Connection> {
    const opened = await openConnection(config, TIMES)
    locked = false
    if (closed) await opened.close()
    return opened
  }

  /**
   * A pooler lends its sessions to others, so that a lock taken there proves nothing. Where a former connection of ours still has the lock, since
   * the server has not noticed its end, there is none to show until it does.
   */
  async function lock(own: Connection): Promise<void> {
    if (locked || !own.direct) return
    const [row] = await own.query<[boolean]>(`SELECT pg_try_advisory_lock(${processLockOf(schema, '$1')})`, [workerId])
    locked = row?.[0] === true
  }

  async function beat(): Promise<BeatResult> {
    if (connection === undefined || connection.lost) connection = await connect()
    await lock(connection)
    const now = clock.buffer === undefined ? null : clock.now()
    const [row] = await connection.query<BeatRow>(`SELECT * FROM ${schema}.beat_1($1, $2, $3, $4)`, [now, workerId, locked, since])
    const [alive, beatenAt, oldest, jobIds, tokens, cancels] = row as BeatRow
    // A claim reads the clock when it begins, and may be seen only when it has ended.
    since = Math.min(oldest ?? beatenAt, beatenAt - config.callTimeoutMs - CLAIM_SLACK_MS)
    return { alive, held: jobIds.map((jobId, index) => ({ jobId, token: tokens[index] as number, cancelRequested: cancels[index] as boolean })) }
  }

  return {
    beat,
    async close() {
      closed = true
      await connection?.close()
    },
  }
}
