/** Runs the built `kerja` command in projects that are thrown away. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '../..')
const MAIN = join(REPOSITORY, 'dist/cli/main.js')

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The variables that would change what a command does are the test's alone. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const {
    KERJA_URL: _url,
    KERJA_STATE_URL: _state,
    NODE_ENV: _mode,
    NO_COLOR: _plain,
    FORCE_COLOR: _colour,
    npm_config_user_agent: _agent,
    ...rest
  } = process.env
  return { ...rest, ...extra }
}

export function kerja(args: readonly string[], { cwd = REPOSITORY, env, stdin = '' }: RunOptions = {}): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: environment(env) })
  const read = collect(child)
  child.stdin.end(stdin)
  return new Promise((done) => child.once('close', (code) => done({ code, stdout: read().stdout, stderr: read().stderr })))
}

/** Runs with --json and reads the answer. */
export async function json<Answer>(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
  const { code, stdout, stderr } = await kerja([...args, '--json'], options)
  if (stdout === '') throw new Error(`kerja ${args.join(' ')} ended with ${code} and printed nothing: ${stderr}`)
  return JSON.parse(stdout) as Answer
}

export interface Running {
  readonly pid: number
  /** Resolves with the text printed so far once it matches; rejects when the process ends before. */
  until(pattern: RegExp): Promise<string>
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Result>
}

/** A command that goes on until it is told to end. */
export function start(args: readonly string[], { cwd = REPOSITORY, env }: RunOptions = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const read = collect(child)
  const text = () => read().all
  const ended = new Promise<Result>((done) => child.once('close', (code) => done({ code, stdout: read().stdout, stderr: read().stderr })))
  return {
    pid: child.pid as number,
    ended,
    kill: (signal) => void child.kill(signal),
    until: (pattern) =>
      new Promise((done, reject) => {
        const look = () => {
          if (pattern.test(text())) done(text())
        }
        child.stdout.on('data', look)
        child.stderr.on('data', look)
        void ended.then(({ code }) => reject(new Error(`it ended with ${code} before ${pattern}:\n${text()}`)))
        look()
      }),
  }
}

/** `all` is both streams in the order of arrival. */
function collect(child: ChildProcess): () => { readonly stdout: string; readonly stderr: string; readonly all: string } {
  const parts = { stdout: '', stderr: '', all: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      parts[name] += text
      parts.all += text
    })
  }
  return () => parts
}

export interface Project {
  readonly folder: string
  /** The URL of a store of its own. */
  readonly backend: string
  write(name: string, text: string): void
  remove(): void
}

/** A folder with a package.json and this package in node_modules. */
export function createProject(files: Readonly<Record<string, string>> = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-cli-'))
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  linkPackage(folder)
  write('package.json', '{ "name": "app", "type": "module" }')
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { folder, backend: `sqlite:${join(folder, 'jobs.db')}`, write, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export function linkPackage(folder: string): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(REPOSITORY, join(folder, 'node_modules', 'kerja'), 'junction')
}
