/**
 * RabbitMQ servers for tests: the one that is named or runs already, else the system's package; and nodes of a test's own that it may stop, kill,
 * starve and break. A node of ours lives in a temporary folder and ends, at the latest, with the process that started it.
 */
import { type ChildProcess, type ExecFileSyncOptions, execFile, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { freePort } from './postgres-server.js'

export const REMEDY =
  'Set KERJA_TEST_RABBITMQ_URL=amqp://user:password@host:5672/vhost to a server (3.10 or newer) where this user may configure, write and read; or install one: on Debian `apt-get install rabbitmq-server`, which also starts it on 127.0.0.1:5672.'

const LOCAL_URL = 'amqp://guest:guest@127.0.0.1:5672'
const START_TRIES_MAX = 600
const TRY_MS = 100

export interface RabbitmqNode {
  readonly url: string
  readonly port: number
  /** Kills it: nothing is written to disk any more. */
  kill(): Promise<void>
  /** On the same port, with the same data. */
  start(): Promise<void>
  /** `rabbitmqctl`. Resolves with what it prints. */
  control(...words: readonly string[]): Promise<string>
  /** Kills it and removes its data. */
  destroy(): Promise<void>
}

export async function answers(url: string): Promise<boolean> {
  try {
    const connection = await connect(url, { timeout: 2_000 })
    await connection.close()
    return true
  } catch {
    return false
  }
}

/** A server that runs already, or null. */
export async function runningServer(): Promise<string | null> {
  const named = process.env.KERJA_TEST_RABBITMQ_URL
  if (named !== undefined && named !== '') return named
  return (await answers(LOCAL_URL)) ? LOCAL_URL : null
}

/** Where the programs are: the package's own, since those in the PATH change the user. */
function programs(): string {
  const root = '/usr/lib/rabbitmq/lib'
  if (!existsSync(root)) install()
  const [version] = existsSync(root) ? readdirSync(root).filter((name) => name.startsWith('rabbitmq_server-')) : []
  if (version === undefined) throw new Error(`There is no RabbitMQ to start. ${REMEDY}`)
  return join(root, version, 'sbin')
}

function install(): void {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return
  const options: ExecFileSyncOptions = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'pipe'] }
  execFileSync('apt-get', ['update'], options)
  execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', 'rabbitmq-server'], options)
}

/** A node of its own. `settings`: lines of rabbitmq.conf. */
export async function startNode(settings: readonly string[] = []): Promise<RabbitmqNode> {
  const bin = programs()
  const folder = mkdtempSync(join(tmpdir(), 'kerja-rabbitmq-'))
  const cookie = join(folder, '.erlang.cookie')
  writeFileSync(cookie, randomBytes(12).toString('hex'))
  chmodSync(cookie, 0o400)
  writeFileSync(join(folder, 'rabbitmq.conf'), `${settings.join('\n')}\n`)
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n')
  const [port, distributionPort] = await Promise.all([freePort(), freePort()])
  const env = {
    ...process.env,
    HOME: folder,
    RABBITMQ_NODENAME: `kerja${randomBytes(4).toString('hex')}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
  }
  const url = `amqp://guest:guest@127.0.0.1:${port}`
  let running: ChildProcess | undefined

  async function start(): Promise<void> {
    // A process group of its own, which can be killed whole.
    const started = spawn(join(bin, 'rabbitmq-server'), [], { env, cwd: folder, detached: true, stdio: 'ignore' })
    started.unref()
    running = started
    for (let tryCount = 0; !(await answers(url)); tryCount++) {
      if (started.exitCode !== null || tryCount > START_TRIES_MAX)
        throw new Error(`RabbitMQ from ${bin} does not start (exit code ${started.exitCode}). ${REMEDY}`)
      await new Promise((resolve) => setTimeout(resolve, TRY_MS))
    }
  }

  const killGroup = (): void => {
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return
    process.kill(-running.pid, 'SIGKILL')
  }

  async function kill(): Promise<void> {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    // Nothing else may keep the process that waits here.
    running.ref()
    const exited = once(running, 'exit')
    killGroup()
    await exited
  }

  async function destroy(): Promise<void> {
    process.off('exit', killGroup)
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }

  process.once('exit', killGroup)
  await start().catch(async (error: unknown) => {
    await destroy()
    throw error
  })
  return {
    url,
    port,
    start,
    kill,
    async control(...words) {
      const { stdout } = await promisify(execFile)(join(bin, 'rabbitmqctl'), ['--quiet', ...words], { env, cwd: folder })
      return stdout
    },
    destroy,
  }
}
