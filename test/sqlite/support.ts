/** What the SQLite tests share: a folder of their own, jobs, workers, and a handle such as an application opens. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend, ClaimRequest, NewJob, WorkerRegistration } from 'kerja/backend'
import { onTestFinished } from 'vitest'
// As built: a thread runs no TypeScript.
import { createLeaseKeeper, type LeaseKeeper, type LeaseKeeperOptions } from '../../dist/lease/lease-keeper.js'

/** Made for one test and removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kerja-sqlite-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What better-sqlite3's Database and node:sqlite's DatabaseSync have in common. */
export interface Handle {
  exec(sql: string): unknown
  prepare(sql: string): { run(...values: unknown[]): unknown; get(...values: unknown[]): unknown; all(...values: unknown[]): unknown[] }
  close(): void
}

const require = createRequire(import.meta.url)

/** A handle of the library that Kerja picks on this Node. */
export function openHandle(path: string): Handle {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const usesNodeSqlite = major > 22 || (major === 22 && minor >= 13)
  const Database = usesNodeSqlite ? require('node:sqlite').DatabaseSync : require('better-sqlite3')
  return new Database(path) as Handle
}

export function job(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: randomUUID(),
    kind: 'test.kind',
    version: 1,
    queue: 'default',
    priority: 2,
    payload: '{}',
    delayMs: 0,
    runAt: null,
    maxAttempts: 10,
    giveUpAfterMs: null,
    startWithinMs: null,
    group: null,
    tags: [],
    idempotency: null,
    unique: null,
    parentId: null,
    tick: null,
    ...overrides,
  }
}

export const jobs = (count: number, overrides: Partial<NewJob> = {}): NewJob[] => Array.from({ length: count }, () => job(overrides))

export function registration(overrides: Partial<WorkerRegistration> = {}): WorkerRegistration {
  return {
    id: randomUUID(),
    name: 'test',
    host: 'localhost',
    pid: process.pid,
    version: '0.0.0',
    queues: ['default'],
    kinds: [{ kind: 'test.kind', version: 1 }],
    schedules: [],
    concurrency: 10,
    leaseMs: 60_000,
    ...overrides,
  }
}

export function claimRequest(workerId: string, overrides: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    workerId,
    limit: 100,
    queues: new Map([['default', 100]]),
    kinds: [{ kind: 'test.kind', version: 1, leaseMs: null }],
    alone: false,
    expiredRetentionMs: 60_000,
    ...overrides,
  }
}

/** Runs a module script in a process of its own, in which `kerja/sqlite` can be imported. It speaks by `process.send`. */
export function spawnScript(script: string, data: unknown = null): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, KERJA_TEST_DATA: JSON.stringify(data) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

/** The next message of the child; rejects when it ends without one. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the child ended with ${code} before it sent a message`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

export async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** The code of the error that the call must end with. */
export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    return (error as { code: string }).code
  }
  throw new Error('the call succeeded')
}

/** Has the worker's leases renewed as a worker does it. */
export const keepLeases = (backend: Backend, worker: WorkerRegistration, overrides: Partial<LeaseKeeperOptions> = {}): LeaseKeeper =>
  createLeaseKeeper({
    source: backend.queue.heartbeat,
    workerId: worker.id,
    heartbeatMs: 2_000,
    leaseMs: worker.leaseMs,
    onBeat: () => undefined,
    onStale: () => undefined,
    onTrouble: () => undefined,
    ...overrides,
  })
