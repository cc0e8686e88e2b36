/** Exit codes, and what an error prints. Scripts rely on both: docs/cli.md lists them. */
import { CommanderError } from 'commander'
import { isKerjaError, type KerjaErrorCode } from '../index.js'

export const EXIT = Object.freeze({
  ok: 0,
  /** The operation failed or found trouble. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** No such job, queue, schedule or store. */
  notFound: 3,
  /** The backend cannot be reached or used. */
  unavailable: 4,
} as const)
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const EXIT_OF: Readonly<Partial<Record<KerjaErrorCode, ExitCode>>> = Object.freeze({
  OPTION_UNKNOWN: EXIT.usage,
  OPTION_INVALID: EXIT.usage,
  BACKEND_REQUIRED: EXIT.usage,
  BACKEND_UNKNOWN: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  CURSOR_INVALID: EXIT.usage,
  JOB_NOT_FOUND: EXIT.notFound,
  SCHEDULE_NOT_FOUND: EXIT.notFound,
  BACKEND_UNAVAILABLE: EXIT.unavailable,
  DRIVER_MISSING: EXIT.unavailable,
  DRIVER_UNSAFE: EXIT.unavailable,
  ENQUEUE_TIMEOUT: EXIT.unavailable,
  ENQUEUE_OVERLOAD: EXIT.unavailable,
  STORE_LOCKED: EXIT.unavailable,
  STORE_FULL: EXIT.unavailable,
  STORE_CORRUPT: EXIT.unavailable,
  STORE_READ_ONLY: EXIT.unavailable,
  STORE_NETWORK_FILESYSTEM: EXIT.unavailable,
  STORE_VERSION: EXIT.unavailable,
  STORE_DENIED: EXIT.unavailable,
  SPOOL_FULL: EXIT.unavailable,
  SPOOL_UNAVAILABLE: EXIT.unavailable,
})

/** Codes of the command line's own; the library's are in docs/errors.md. */
export type CliErrorCode =
  | 'USAGE'
  | 'QUEUE_NOT_FOUND'
  | 'STORE_NOT_FOUND'
  | 'SPOOL_NOT_FOUND'
  | 'WORKER_FILE'
  | 'WORKER_FAILED'
  | 'WORKER_NOT_STARTED'
  | 'WATCH_FAILED'
  | 'PACKAGE_INVALID'
  | 'FILE_EXISTS'

const CLI_EXIT_OF: Readonly<Record<CliErrorCode, ExitCode>> = Object.freeze({
  USAGE: EXIT.usage,
  QUEUE_NOT_FOUND: EXIT.notFound,
  STORE_NOT_FOUND: EXIT.notFound,
  SPOOL_NOT_FOUND: EXIT.notFound,
  WORKER_FILE: EXIT.usage,
  WORKER_FAILED: EXIT.failed,
  WORKER_NOT_STARTED: EXIT.failed,
  WATCH_FAILED: EXIT.failed,
  PACKAGE_INVALID: EXIT.failed,
  FILE_EXISTS: EXIT.failed,
})

/** What only the command line can find wrong. */
export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options)
    this.name = 'CliError'
    this.code = code
  }
}

export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly docs: string | null
}

/** The exit code for an error, and what to say about it: nothing where commander has said it (help, version). */
export function judge(error: unknown): { readonly exitCode: ExitCode; readonly report: ErrorReport | null } {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { exitCode: EXIT.ok, report: null }
    // A command that only groups others, called alone: its help was printed on stderr.
    if (error.code === 'commander.help') return { exitCode: EXIT.usage, report: null }
    return { exitCode: EXIT.usage, report: { code: 'USAGE', message: error.message.replace(/^error: /, ''), docs: 'kerja --help' } }
  }
  if (error instanceof CliError)
    return { exitCode: CLI_EXIT_OF[error.code], report: { code: error.code, message: error.message, docs: 'docs/cli.md' } }
  if (isKerjaError(error))
    return { exitCode: EXIT_OF[error.code] ?? EXIT.failed, report: { code: error.code, message: error.message, docs: error.docs } }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { exitCode: EXIT.failed, report: { code: 'INTERNAL', message, docs: null } }
}
