/** What every command is given: the resolved global options, the output, the configuration and a Kerja that is closed at the end. */
import type { Command } from 'commander'
import { Kerja, type Logger } from '../index.js'
import { type LoadedConfig, loadConfig } from './config.js'
import { createOutput, type Output } from './output.js'
import { resolveTarget, type Target } from './target.js'
import { safe } from './text.js'

export interface GlobalOptions {
  readonly backend?: string
  readonly stateUrl?: string
  readonly config?: string
  readonly json?: boolean
  /** False with --no-color. */
  readonly color: boolean
}

export interface Cli {
  readonly output: Output
  readonly options: GlobalOptions
  readonly cwd: string
  /** Loaded once. @throws {CONFIG_INVALID} */
  config(): Promise<LoadedConfig | null>
  /** The backend and who named it. @throws {CONFIG_INVALID} */
  target(): Promise<Target>
  /** Makes a Kerja on the target, runs, closes it whatever happens. Does not open it: the first call does. */
  withKerja<Answer>(run: (kerja: Kerja) => Promise<Answer>): Promise<Answer>
}

export function createCli(command: Command): Cli {
  const options = command.optsWithGlobals<GlobalOptions>()
  const cwd = process.cwd()
  const write = process.stdout.write.bind(process.stdout)
  const output = createOutput({
    json: options.json === true,
    color: wantsColor(options, process.env, process.stdout.isTTY === true),
    // A terminal of unknown size says 0.
    width: process.stdout.isTTY === true ? process.stdout.columns || null : null,
    out: (text) => void write(text),
    err: (text) => void process.stderr.write(text),
  })
  let loading: Promise<LoadedConfig | null> | undefined
  const config = () => {
    loading ??= loadConfig(cwd, options.config)
    return loading
  }
  const target = async () => resolveTarget({ cwd, flag: options.backend, stateFlag: options.stateUrl, env: process.env, loaded: await config() })
  return {
    output,
    options,
    cwd,
    config,
    target,
    withKerja: async (run) => {
      const kerja = new Kerja({ ...(await target()).options, logger: createCliLogger(output) })
      try {
        return await run(kerja)
      } finally {
        await kerja.close()
      }
    },
  }
}

/** The command line tells people, not log collectors: only what they should know, in words. */
export function createCliLogger(output: Output): Logger {
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => output.note(`warning: ${safe(message)}`),
    error: (message) => output.note(`error: ${safe(message)}`),
  }
}

function wantsColor(options: GlobalOptions, env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (options.json === true || !options.color) return false
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true
  return isTerminal && env.TERM !== 'dumb'
}
