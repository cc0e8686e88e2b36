/** The backends whose random histories are checked. A new backend adds a line here. */
import { join } from 'node:path'
import type { Backend, ManualClock } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { sqlite } from 'kerja/sqlite'
import { temporaryFolder } from '../sqlite/support.js'

export interface ModelTarget {
  readonly name: string
  /** Histories per run: fewer where each opens a file. */
  readonly runs: number
  open(clock: ManualClock): Promise<Backend>
}

export const MODEL_TARGETS: readonly ModelTarget[] = [
  { name: 'memory', runs: 1_000, open: async (clock) => memory({ clock }) },
  { name: 'sqlite', runs: 40, open: async (clock) => sqlite({ path: join(temporaryFolder(), 'jobs.db'), clock }) },
]
