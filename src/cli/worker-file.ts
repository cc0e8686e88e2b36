/** Runs the project's worker file in this process and notices whether it starts a worker. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { isKerjaError } from '../index.js'
import { type LoadedConfig, workerFile } from './config.js'
import { CliError } from './exit.js'
import { importFile } from './import-file.js'

/** Kerja publishes on it, whichever copy of the package the worker file imports. */
const STARTED_CHANNEL = 'kerja.worker.started'
const LOADER_FRAME = /^\s+at .*[\\/]jiti[\\/]dist[\\/]/
const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const SIGNAL_EXIT_CODES = Object.freeze({ SIGTERM: 143, SIGINT: 130 })

export interface RunWorkerFileOptions {
  readonly file: string
  readonly onStarted: () => void
}

/** The file to run. @throws {WORKER_FILE} when none is named or it does not exist */
export function findWorkerFile(cwd: string, given: string | undefined, loaded: LoadedConfig | null): string {
  const file = workerFile(cwd, given, loaded)
  if (file === null) {
    const where =
      loaded === null ? 'There is no kerja.config here, and no --file was given' : `${loaded.file} names no worker file, and no --file was given`
    throw new CliError(
      'WORKER_FILE',
      `${where}. Give one with --file worker.mjs, write defineConfig({ worker: './worker.ts' }) into kerja.config.ts, or begin with: kerja init`,
    )
  }
  if (existsSync(file)) return file
  throw new CliError('WORKER_FILE', `The worker file ${file} does not exist. ${given === undefined ? `${loaded?.file} names it.` : 'Check --file.'}`)
}

/**
 * Imports the file and waits until nothing is left to do in this process.
 * @throws {WORKER_FAILED} when the file throws · {WORKER_NOT_STARTED} · the coded errors of its worker
 */
export async function runWorkerFile({ file, onStarted }: RunWorkerFileOptions): Promise<void> {
  const seen = { started: false, signalled: false }
  const onWorker = () => {
    seen.started = true
    onStarted()
  }
  const stopWatching = watchSignals(() => {
    seen.signalled = true
  })
  subscribe(STARTED_CHANNEL, onWorker)
  try {
    const idle = untilIdle()
    await Promise.race([importWorker(file), idle])
    // `void worker.run()` returns at once: the worker lives as long as the process has something to do.
    await idle
  } finally {
    unsubscribe(STARTED_CHANNEL, onWorker)
    stopWatching()
  }
  if (!seen.started && !seen.signalled) throw notStarted(file)
}

async function importWorker(file: string): Promise<void> {
  try {
    await importFile(file)
  } catch (error) {
    if (isKerjaError(error)) throw error
    throw new CliError('WORKER_FAILED', `${file} threw: ${describe(error)}`, { cause: error })
  }
}

/** With the frames of the project: those of the loader and of this command say nothing about it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const lines = (error.stack ?? error.message).split('\n')
  const loader = lines.findIndex((line) => LOADER_FRAME.test(line))
  return (loader === -1 ? lines : lines.slice(0, loader)).join('\n')
}

const notStarted = (file: string): CliError =>
  new CliError('WORKER_NOT_STARTED', `${file} ended without starting a worker. It must call: await kerja.worker({ handlers: […] }).run()`)

/** Resolves when the event loop has nothing left: also where a top-level await of the file never settles. */
const untilIdle = (): Promise<void> => new Promise((resolve) => process.once('beforeExit', () => resolve()))

/** Notes that an end was asked for. As long as no worker listens to the signal, it ends the process as it would without us. */
function watchSignals(onSignal: () => void): () => void {
  const listener = (signal: (typeof SIGNALS)[number]) => {
    onSignal()
    if (process.listenerCount(signal) === 1) process.exit(SIGNAL_EXIT_CODES[signal])
  }
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}
