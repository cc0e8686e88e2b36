/** What every operation works with: the connection, the clock, the lanes, and what the group must do after its commit. */
import type { Connection } from './driver.js'
import type { Lanes } from './lanes.js'
import type { Sequence } from './sequence.js'

export interface Effects {
  /** Jobs became available. */
  available: boolean
  /** Jobs ended, progressed or logged. */
  changed: boolean
}

export interface StoreContext {
  readonly path: string
  readonly connection: Connection
  readonly lanes: Lanes
  readonly sequence: Sequence
  readonly effects: Effects
  /** The store's clock, read once per group so that one commit sees one instant. */
  now(): number
}
