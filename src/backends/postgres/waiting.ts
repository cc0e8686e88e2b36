/** Calls that wait for a connection, by lane, each for a limited time. */
import { KerjaError } from '../../errors.js'
import type { Connection } from './connection.js'

export type SessionLane = 'push' | 'work' | 'read'

/** In the order in which a free connection is offered. */
export const LANES: readonly SessionLane[] = ['work', 'push', 'read']

/** How long a call waits for a connection: an enqueue has a caller who waits, a claim has nothing better to do. */
const WAIT_MS: Readonly<Record<SessionLane, number>> = Object.freeze({ push: 2_000, read: 2_000, work: 5_000 })
const WAITING_MAX = 10_000

interface Waiter {
  readonly take: (connection: Connection) => void
  readonly fail: (error: unknown) => void
}

export interface Waiting {
  /** Resolves when `serve` gives it one. `why`: what to say when none came in time. @throws {BACKEND_UNAVAILABLE} */
  join(lane: SessionLane, why: () => unknown): Promise<Connection>
  /** Gives the connection to the one that waits longest in this lane. */
  serve(lane: SessionLane, connection: Connection): void
  count(lane: SessionLane): number
  failAll(error: unknown): void
}

export function createWaiting(location: string): Waiting {
  const queues: Record<SessionLane, Waiter[]> = { work: [], push: [], read: [] }
  return {
    join(lane, why) {
      const queue = queues[lane]
      if (queue.length >= WAITING_MAX)
        return Promise.reject(new KerjaError('BACKEND_UNAVAILABLE', `More than ${WAITING_MAX} calls wait for ${location}; nothing was sent.`))
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          queue.splice(queue.indexOf(waiter), 1)
          reject(noConnection(location, WAIT_MS[lane], why()))
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
      })
    },
    serve(lane, connection) {
      queues[lane].shift()?.take(connection)
    },
    count: (lane) => queues[lane].length,
    failAll(error) {
      for (const lane of LANES) for (const waiter of queues[lane].splice(0)) waiter.fail(error)
    },
  }
}

function noConnection(location: string, waitMs: number, cause: unknown): KerjaError {
  const why = cause instanceof Error ? cause.message : 'All are in use: raise `connections`, or look for slow calls.'
  return new KerjaError('BACKEND_UNAVAILABLE', `No connection to ${location} within ${waitMs} ms; nothing was sent. ${why}`, { cause })
}
