import { toJobFailure } from '../core/failure.js'

/** Where Kerja writes what an operator should read: any `{ debug, info, warn, error }`, such as a pino logger or the console. */
export interface Logger {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
  error(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const toStderr = (line: string): void => void process.stderr.write(line)

/** One line of JSON per event on stderr: stdout stays free for the program's own output. */
export function createLogger(level: LogLevel, write: (line: string) => void = toStderr): Logger {
  const threshold = LOG_LEVELS.indexOf(level)
  const at = (name: LogLevel) => (message: string, facts?: Readonly<Record<string, unknown>>) => {
    if (LOG_LEVELS.indexOf(name) >= threshold)
      write(`${JSON.stringify({ time: new Date().toISOString(), level: name, message: `kerja: ${message}`, ...facts })}\n`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** The application's logger, which must not end a process or hold up a job: when it throws or rejects, its line goes to stderr instead. */
export function containLogger(logger: Logger, write: (line: string) => void = toStderr): Logger {
  const fallback = createLogger('debug', write)
  const at = (level: keyof Logger) => (message: string, facts?: Readonly<Record<string, unknown>>) => {
    const contain = (error: unknown): void => {
      const loggerError = toJobFailure(error).message
      try {
        fallback[level](message, { ...facts, loggerError })
      } catch {
        // Facts that JSON cannot carry: the message alone.
        fallback[level](message, { loggerError })
      }
    }
    try {
      const returned: unknown = facts === undefined ? logger[level](message) : logger[level](message, facts)
      if (returned instanceof Promise) returned.catch(contain)
    } catch (error) {
      contain(error)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
