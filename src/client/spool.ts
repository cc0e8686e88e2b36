/** How the local spool of this process stands, for health checks and metrics. */
import type { SpoolStatus } from '../observe/spool-status.js'

/** What this process has taken while the backend was away. */
export interface Spool {
  /** Reads nothing from the disk: for health checks and metrics. */
  stats(): SpoolStatus
}

export interface SpoolViewParts {
  readonly spool: { stats(): Omit<SpoolStatus, 'state'> }
  readonly spooling: { isSpooling(): boolean }
}

const OFF: SpoolStatus = Object.freeze({ state: 'off', jobCount: 0, bytes: 0, maxBytes: 0, oldestAgeMs: null, asideCount: 0, trouble: null })

/** Null: none is configured. */
export const createSpoolView = (parts: SpoolViewParts | null): Spool => ({
  stats() {
    if (parts === null) return OFF
    const status = parts.spool.stats()
    const code = status.trouble?.code
    // With `mode: 'always'` only the drain finds out that the backend is away.
    const isAway = parts.spooling.isSpooling() || (code !== undefined && code !== 'SPOOL_FULL')
    return { state: code === 'SPOOL_UNAVAILABLE' ? 'unusable' : isAway ? 'spooling' : 'ready', ...status }
  },
})
