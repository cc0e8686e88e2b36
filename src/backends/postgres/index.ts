/** `kerja/postgres`: jobs in a PostgreSQL database, shared by any number of machines. */
import type { Backend } from '../../contract/backend.js'
import { createBackend } from './backend.js'
import { type PostgresOptions, resolveOptions } from './options.js'

export type { PostgresOptions } from './options.js'

/**
 * A backend over the PostgreSQL database at `url`, in a schema of its own. No I/O until its first use. Needs the package `pg`.
 * @throws {OPTION_UNKNOWN} {OPTION_INVALID}
 * @example const backend = postgres('postgres://app:secret@db:5432/app')
 */
export function postgres(options: PostgresOptions | string): Backend {
  return createBackend(resolveOptions(options), typeof options === 'string' ? undefined : options.logger)
}
