/** Runs something until SIGTERM or SIGINT: stop gracefully on the first signal, exit at once on the second. */
import type { Logger } from '../observe/logger.js'

export interface RunOptions {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
  /** Resolves when the process should drain and exit without a signal. */
  readonly restart: Promise<void>
  readonly logger: Logger
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** 128 + SIGTERM: what a shell reports for a process ended by it. */
const EXIT_AT_ONCE = 143

export async function runUntilSignal({ start, stop, close, restart, logger }: RunOptions): Promise<void> {
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
    await start()
    await Promise.race([stopAsked, restart])
    await stop()
  } finally {
    await close()
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
