/** A pgbouncer of the test's own, in transaction mode. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answers, freePort, unprivileged } from './postgres-server.js'

export interface Pooler {
  readonly url: string
  start(): Promise<void>
  /** At once, as a crash would. */
  stop(): Promise<void>
  /** Stops it and removes its files. */
  destroy(): Promise<void>
}

export async function startPooler(program: string, url: string): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-pgbouncer-'))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${new URL(url).port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 6
server_login_retry = 1
`,
  )
  const user = unprivileged()
  for (const path of [folder, file]) if (user.uid !== undefined) chownSync(path, user.uid, user.gid as number)
  let running: ChildProcess | undefined
  const own = `postgres://postgres@127.0.0.1:${port}/postgres`

  async function start(): Promise<void> {
    running = spawn(program, ['-q', file], { ...user, stdio: 'ignore' })
    while (!(await answers(own))) {
      if (running.exitCode !== null) throw new Error(`${program} ended with code ${running.exitCode}`)
    }
  }

  async function stop(): Promise<void> {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  await start()
  return {
    url: own,
    start,
    stop,
    async destroy() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
