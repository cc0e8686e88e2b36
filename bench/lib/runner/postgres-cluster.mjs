/** A PostgreSQL cluster of the run's own, with the defaults of `initdb`: fsync and synchronous_commit on. It ends with the run. */
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sleep } from '../meters.mjs'
import { freePort } from './ports.mjs'
import { findPostgres, serverUser } from './postgres-binaries.mjs'

const STOP_MS_MAX = 20_000

export const REMEDY = [
  'The peers are measured on PostgreSQL, and there is no server program. Either',
  '  install it: `apt-get install postgresql`, `brew install postgresql`, or the development dependencies (`npm ci`); an own cluster is then started for the run,',
  '  or set KERJA_BENCH_POSTGRES_URL to a database that may be loaded (everything happens in a schema `kerja_bench`, which is dropped).',
].join('\n')

function initialize({ programs, folder, user, password }) {
  mkdirSync(folder)
  // The folder of the run is closed to others; that user must pass through it.
  if (user.uid !== undefined) chmodSync(dirname(folder), 0o711)
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user.uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid)
  const settings = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C']
  const { status, stderr, error } = spawnSync(join(programs.folder, 'initdb'), settings, {
    ...user,
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...programs.env },
  })
  rmSync(passwordFile)
  if (status !== 0) throw new Error(`initdb failed: ${error?.message ?? stderr}`)
}

/** Starts a cluster under `parentFolder`. `stop()` ends exactly this one. */
export async function startCluster(parentFolder) {
  const programs = findPostgres()
  if (programs === undefined) throw new Error(REMEDY)
  const folder = join(parentFolder, 'postgres')
  const user = serverUser()
  const password = randomBytes(16).toString('hex')
  initialize({ programs, folder, user, password })
  const port = await freePort()
  const logFile = join(folder, 'server.log')
  const log = openSync(logFile, 'a')
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', log_line_prefix: '' }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(programs.folder, 'postgres'), ['-D', join(folder, 'data'), ...flags], {
    ...user,
    cwd: folder,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...programs.env },
  })
  closeSync(log)
  await once(server, 'spawn')
  const exited = once(server, 'exit')
  // Also when the run ends by an error that nobody expected.
  process.once('exit', () => server.kill('SIGINT'))
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    pid: server.pid,
    logFile,
    /** Why it is not there any more, or undefined. */
    failure: () => (server.exitCode === null ? undefined : `PostgreSQL ended with ${server.exitCode}:\n${readFileSync(logFile, 'utf8')}`),
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      // Fast shutdown: connections are ended, nobody is waited for.
      server.kill('SIGINT')
      const hasExited = await Promise.race([exited.then(() => true), sleep(STOP_MS_MAX).then(() => false)])
      if (!hasExited) server.kill('SIGQUIT')
    },
  }
}
