/** Where a broker backend says what an operator should know: that the broker or the state is away, that a message cannot be read. */
export interface Notices {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
}

export const silent: Notices = Object.freeze({ info: () => undefined, warn: () => undefined })
