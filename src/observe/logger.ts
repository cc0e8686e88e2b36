/** Where Kerja writes what an operator should read: any `{ debug, info, warn, error }`, such as a pino logger or the console. */
export interface Logger {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
  error(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One line of JSON per event on stderr: stdout stays free for the program's own output. */
export function createLogger(level: LogLevel, write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
  const threshold = LOG_LEVELS.indexOf(level)
  const at = (name: LogLevel) => (message: string, facts?: Readonly<Record<string, unknown>>) => {
    if (LOG_LEVELS.indexOf(name) >= threshold)
      write(`${JSON.stringify({ time: new Date().toISOString(), level: name, message: `kerja: ${message}`, ...facts })}\n`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
