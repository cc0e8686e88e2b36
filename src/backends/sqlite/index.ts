/** `kerja/sqlite`: jobs in a SQLite file, shared by the processes of one machine. */
import type { Backend } from '../../contract/backend.js'
import { createBackend } from './backend.js'
import { resolveOptions, type SqliteOptions } from './options.js'

export type { SqliteOptions } from './options.js'

/**
 * A backend over the SQLite file at `path`. No I/O until its first use; all backends of one file in one process share one engine thread.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const backend = sqlite('data/jobs.db')
 */
export function sqlite(options: SqliteOptions | string): Backend {
  return createBackend(resolveOptions(options))
}
