/** What `kerja doctor` says about one thing. */

export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do; null when all is well. */
  readonly remedy: string | null
}

export const ok = (name: string, message: string): Check => ({ name, status: 'ok', message, remedy: null })
export const warn = (name: string, message: string, remedy: string): Check => ({ name, status: 'warn', message, remedy })
export const fail = (name: string, message: string, remedy: string): Check => ({ name, status: 'fail', message, remedy })
