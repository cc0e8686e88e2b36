/**
 * `kerja dev`: the worker in a child process, restarted when a source file changes.
 *
 * States: running → (change) stopping → running; running → (end or crash) waiting → (change) running; any → (Ctrl-C) ending → exit.
 * The child has a process group of its own, so that Ctrl-C in the terminal reaches it once, through us.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { projectRoot } from '../../open-backend.js'
import { type Cli, createCli } from '../cli.js'
import { collect, examples, wholeNumber } from '../help.js'
import { safe } from '../text.js'
import { watchSources } from '../watch.js'
import { findWorkerFile } from '../worker-file.js'

/** From the second signal to SIGKILL: a child that is stuck in synchronous code hears neither. */
const KILL_AFTER_MS = 2_000
const SHOWN_FILES_MAX = 3

interface Options {
  readonly file?: string
  readonly ignore?: readonly string[]
  readonly grace: number
}

const NOTES = `
Watched are source files (.ts, .js and their kin, .json, .env) of the project, outside node_modules, dist, build, out, coverage and folders
whose name begins with a dot. After a crash it waits for a change. Ctrl-C ends the worker too.`

export function registerDev(program: Command): void {
  program
    .command('dev')
    .summary('run the worker file, restarting it when source files change')
    .description('Run the worker file, restarting it when source files change.')
    .option('--file <file>', 'another worker file than the one kerja.config names')
    .option('--ignore <path>', 'a file or folder whose changes do not matter; may be given several times', collect)
    .option('--grace <seconds>', 'how long running jobs may go on at a restart before they are given back', wholeNumber(0, 3_600), 5)
    .addHelpText('after', NOTES)
    .addHelpText('after', examples(['kerja dev', 'kerja dev --file src/worker.ts --ignore data --grace 30']))
    .action(async (options: Options, command: Command) => {
      const cli = createCli(command)
      await checkThatAFileIsNamed(cli, options)
      const root = projectRoot(cli.cwd)
      const loop = createDevLoop({ spawnWorker: () => spawnWorker(cli, options), say: createSay(cli), graceMs: options.grace * 1_000 })
      const unwatch = watchSources({
        root,
        ignore: (options.ignore ?? []).map((path) => resolve(cli.cwd, path)),
        onChange: loop.changed,
        onTrouble: (error) => cli.output.note(`warning: ${safe(error.message)}`),
      })
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, loop.end)
      loop.start()
      await loop.ended
      unwatch()
    })
}

/** Where nothing names a worker file, waiting for a change would be waiting for ever. @throws {WORKER_FILE} */
async function checkThatAFileIsNamed(cli: Cli, { file }: Options): Promise<void> {
  if (file !== undefined) return
  // A configuration that cannot be read may be mended: the worker says what is wrong with it, and dev waits for a change.
  const loaded = await cli.config().catch(() => undefined)
  if (loaded === null) findWorkerFile(cli.cwd, undefined, loaded)
}

function spawnWorker({ options: global, output }: Cli, { file }: Options): ChildProcess {
  const passed = [
    ...(global.backend === undefined ? [] : ['--backend', global.backend]),
    ...(global.config === undefined ? [] : ['--config', global.config]),
    ...(global.color ? [] : ['--no-color']),
    ...(file === undefined ? [] : ['--file', file]),
  ]
  return spawn(process.execPath, [...process.execArgv, process.argv[1] as string, 'worker', ...passed], {
    // With --json our stdout is for programs: what the worker prints goes beside it.
    stdio: ['ignore', output.json ? 2 : 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, KERJA_DEV: '1' },
    detached: process.platform !== 'win32',
  })
}

type Say = (event: 'started' | 'changed' | 'ended' | 'crashed' | 'stopping', words: string, facts: Readonly<Record<string, unknown>>) => void

const createSay =
  ({ output }: Cli): Say =>
  (event, words, facts) => {
    output.value({ event, ...facts })
    output.line(`${output.paint(event === 'crashed' ? 'red' : 'cyan', 'kerja dev:')} ${safe(words)}`)
  }

interface DevLoopParts {
  readonly spawnWorker: () => ChildProcess
  readonly say: Say
  readonly graceMs: number
}

function createDevLoop({ spawnWorker, say, graceMs }: DevLoopParts) {
  let child: ChildProcess | null = null
  let restarts = false
  let ending = false
  let timers: NodeJS.Timeout[] = []
  let resolveEnded: () => void
  const ended = new Promise<void>((done) => {
    resolveEnded = done
  })

  const start = () => {
    child = spawnWorker()
    child.once('exit', onExit)
    say('started', `started the worker (pid ${child.pid})`, { pid: child.pid })
  }
  const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
    child = null
    for (const timer of timers) clearTimeout(timer)
    if (ending) return resolveEnded()
    if (restarts) {
      restarts = false
      return start()
    }
    const how = signal === null ? `exit code ${code}` : signal
    if (code === 0) say('ended', 'worker ended; waiting for a change', { code, signal })
    else say('crashed', `worker crashed (${how}); waiting for a change`, { code, signal })
  }
  /** SIGTERM lets jobs end; after the grace a second one gives them back; a process that hears neither is killed. */
  const stop = () => {
    const signal = (name: NodeJS.Signals) => () => void child?.kill(name)
    signal('SIGTERM')()
    timers = [setTimeout(signal('SIGTERM'), graceMs), setTimeout(signal('SIGKILL'), graceMs + KILL_AFTER_MS)]
  }

  return {
    ended,
    start,
    changed: (files: readonly string[]) => {
      if (ending || restarts) return
      const more = files.length > SHOWN_FILES_MAX ? ` and ${files.length - SHOWN_FILES_MAX} more` : ''
      say('changed', `${files.slice(0, SHOWN_FILES_MAX).join(', ')}${more} changed; ${child === null ? 'starting' : 'restarting'}`, { files })
      if (child === null) return start()
      restarts = true
      stop()
    },
    end: () => {
      if (child === null) return resolveEnded()
      child.kill('SIGTERM')
      if (ending) return void timers.push(setTimeout(() => child?.kill('SIGKILL'), KILL_AFTER_MS))
      ending = true
      say('stopping', 'stopping; running jobs may end, Ctrl-C again gives them back', {})
    },
  }
}
