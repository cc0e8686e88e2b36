/** Renews a worker's leases from the engine thread: one small write per beat on a connection of its own, and the lock that proves its process lives. */
import type { BeatResult, HeartbeatConnection } from '../../contract/backend.js'
import { clockFrom } from '../../contract/clock.js'
import { openConnection, untilFree } from './connection.js'
import { type Connection, loadDriver } from './driver.js'
import { faultOf } from './faults.js'
import { realPathOf, type StoreConfig } from './options.js'
import { holdProcessLock, type ProcessLock } from './process-lock.js'
import { RUNNING } from './rows.js'

/**
 * Named by `queue.heartbeat.module`. Blocks its thread for the few ms that a beat takes, and no longer than BEAT_WAIT_MS_MAX while others hold the
 * write lock. Its errors are coded: what SQLite throws loses its words between threads.
 */
export function openHeartbeat(given: unknown, workerId: string): HeartbeatConnection {
  // A lost beat is repeated by the next, so it needs no fsync of its own.
  const config: StoreConfig = { ...(given as StoreConfig), path: realPathOf((given as StoreConfig).path), synchronous: 'normal' }
  try {
    return open(config, workerId)
  } catch (error) {
    throw faultOf(error, config.path)
  }
}

/** The thread has other work, and a beat that failed is tried again soon. */
const BEAT_WAIT_MS_MAX = 250

function open(config: StoreConfig, workerId: string): HeartbeatConnection {
  const driver = loadDriver(config.driver, config.allowUnsafeSqlite)
  const connection = openConnection(config)
  let lock: ProcessLock | null = null
  try {
    lock = holdProcessLock(driver, config.path, workerId)
    return beatOn(connection, config, workerId, lock)
  } catch (error) {
    lock?.release()
    connection.close()
    throw error
  }
}

function beatOn(connection: Connection, config: StoreConfig, workerId: string, lock: ProcessLock | null): HeartbeatConnection {
  const clock = clockFrom(config.clockBuffer)
  const renew = connection.prepare('UPDATE kerja_workers SET heartbeat_at = ? WHERE id = ? AND died_at IS NULL')
  const held = connection.prepare<[string, number, number]>(
    `SELECT d.id, j.token, j.cancel_reason IS NOT NULL FROM kerja_jobs j INDEXED BY kerja_jobs_running JOIN kerja_payloads d ON d.seq = j.seq
      WHERE j.worker = (SELECT number FROM kerja_workers WHERE id = ?) AND j.state = ${RUNNING}`,
  )
  // A store whose schema was changed by hand fails the start, not every beat.
  untilFree(config.path, config.lockTimeoutMs, () => held.rows(workerId))
  let closed = false

  function beat(): BeatResult {
    if (renew.run(clock.now(), workerId) === 0) return { alive: false, held: [] }
    return { alive: true, held: held.rows(workerId).map(([jobId, token, cancel]) => ({ jobId, token, cancelRequested: cancel === 1 })) }
  }

  return {
    beat() {
      try {
        return untilFree(config.path, Math.min(config.lockTimeoutMs, BEAT_WAIT_MS_MAX), beat)
      } catch (error) {
        throw faultOf(error, config.path)
      }
    },
    close() {
      if (closed) return
      closed = true
      try {
        lock?.release()
      } finally {
        connection.close()
      }
    },
  }
}
