/** Runs something until SIGTERM or SIGINT: stop gracefully on the first signal, exit at once on the second. */
import type { Logger } from '../observe/logger.js'

export interface RunOptions {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
  /** Resolves when it was stopped otherwise. */
  readonly ended: Promise<void>
  /** How much of the application's code still runs although it was told to stop. */
  readonly leftBehind: () => number
  readonly logger: Logger
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** 128 + SIGTERM: what a shell reports for a process ended by it. */
const EXIT_AT_ONCE = 143
/** What the program still has to do after `run()` gets this long when handlers were left behind, which may keep the process alive for ever. */
const EXIT_AFTER_MS = 1_000

export async function runUntilSignal({ start, stop, close, ended, leftBehind, logger }: RunOptions): Promise<void> {
  let signalled: (() => void) | undefined
  let signalCount = 0
  const stopAsked = new Promise<void>((resolve) => {
    signalled = resolve
  })
  const onSignal = (signal: NodeJS.Signals): void => {
    signalCount += 1
    if (signalCount > 1) process.exit(EXIT_AT_ONCE)
    logger.info('stopping: running jobs may end; a second signal exits at once', { signal })
    signalled?.()
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  try {
    const starting = start()
    await Promise.race([starting, stopAsked])
    if (signalCount === 0) await Promise.race([stopAsked, ended])
    // A start that a signal cut short says so by rejecting: that is what was asked for.
    else starting.catch(() => undefined)
    await stop()
  } finally {
    await close()
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  if (leftBehind() === 0) return
  logger.warn('handlers that ignore their signal are left behind; the process exits under them', { count: leftBehind() })
  setTimeout(() => process.exit(), EXIT_AFTER_MS).unref()
}
