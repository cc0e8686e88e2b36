/** How the parts of the backend reach the database: one statement at a time, on a pool that heals itself. */
import { clockFrom } from '../../contract/clock.js'
import { quoteIdentifier, type StoreConfig } from './options.js'
import type { Pool } from './pool.js'
import type { SessionLane } from './waiting.js'

export type { SessionLane } from './waiting.js'

export interface QueryOptions {
  /** Which share of the pool the statement may use: enqueues never stand in the way of settlements. Default `read`. */
  readonly lane?: SessionLane
}

export interface Session {
  /**
   * One statement on a connection of the pool; text with $1.., rows as arrays. int8 comes as a number, uuid as text, json parsed.
   * @throws {BACKEND_UNAVAILABLE} {BACKEND_CLOSED} {STORE_LOCKED} {STORE_FULL} and others; the driver's error is the `cause` (its SQLSTATE by `sqlstateOf`)
   */
  query<Row extends readonly unknown[]>(text: string, values: readonly unknown[], options?: QueryOptions): Promise<Row[]>
  /** The schema, quoted: `${schema}.jobs`. */
  readonly schema: string
  /** What is passed as `p_now`: null is the database's clock. */
  now(): number | null
  /** Lets running calls end. */
  close(): Promise<void>
}

export function createSession(config: StoreConfig, pool: Pool): Session {
  const clock = clockFrom(config.clockBuffer)
  return {
    query: (text, values, options) => pool.query(text, values, options?.lane ?? 'read'),
    schema: quoteIdentifier(config.schema),
    now: () => (clock.buffer === undefined ? null : clock.now()),
    close: () => pool.close(),
  }
}
