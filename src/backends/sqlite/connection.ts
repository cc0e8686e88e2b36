/** Opens a store file the one way it is opened: safe driver, local disk, WAL, durable commits, short fair waits for the write lock. */
import { closeSync, existsSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { KerjaError } from '../../errors.js'
import { type Connection, loadDriver } from './driver.js'
import { isBusy, lockedError } from './faults.js'
import type { StoreConfig } from './options.js'

/** The journal is cut back to this at each checkpoint that restarts it, and truncated in an idle moment when it is over it. */
export const WAL_BYTES_MAX = 64 * 1024 * 1024
/** Pages in the journal that start a checkpoint. */
const WAL_CHECKPOINT_PAGES = 4_000
/** Small on purpose: the system caches the file, and SQLite walks its own cache at each commit (measured: 2 us per job between 32 and 4 MiB, no difference between 2 MiB and 512 KiB). */
const CACHE_KIB = 1024
/** Only the owner may read jobs: payloads hold what the application put in them. */
export const FILE_MODE = 0o600

const WAIT_MS_MIN = 0.05
const WAIT_MS_MAX = 2
/** A commit of another process takes about a millisecond: the first tries come close together, the later ones spare the processor. */
const CLOSE_TRIES = 20
const CLOSE_WAIT_MS_MAX = 0.3

/** Filesystem types on which SQLite's locks or shared memory do not hold between machines. */
const NETWORK_FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
])

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Others' commits take a few ms; a lock that is held for longer than this keeps heartbeats from being written too. */
const LONG_WAIT_MS = 50
let waitedAt = Number.NEGATIVE_INFINITY

/** Somebody was in the way of this thread for long, of its calls or of its beats, until at most this many ms ago. */
export const waitedWithin = (ms: number): boolean => performance.now() - waitedAt < ms

/** Runs `action` until no other connection is in its way. Blocks the thread: never call it on one that serves requests. */
export function untilFree<T>(path: string, limitMs: number, action: () => T): T {
  const startedAt = performance.now()
  for (let tries = 0; ; tries += 1) {
    try {
      return action()
    } catch (error) {
      if (!isBusy(error)) throw error
      const nowAt = performance.now()
      if (nowAt - startedAt > LONG_WAIT_MS) waitedAt = nowAt
      if (nowAt - startedAt >= limitMs) throw lockedError(path, limitMs, error)
    }
    // Short and random, so that processes which share the lock get it in turn.
    const waitMsMax = tries < CLOSE_TRIES ? CLOSE_WAIT_MS_MAX : WAIT_MS_MAX
    Atomics.wait(sleeper, 0, 0, WAIT_MS_MIN + Math.random() * (waitMsMax - WAIT_MS_MIN))
  }
}

/** @throws {STORE_NETWORK_FILESYSTEM} {BACKEND_UNAVAILABLE} */
function checkFolder(path: string, allowNetwork: boolean): void {
  const folder = dirname(path)
  if (!existsSync(folder))
    throw new KerjaError('BACKEND_UNAVAILABLE', `The folder ${folder} does not exist. Create it, or point Kerja at another file.`, {
      details: { path },
    })
  const filesystem = NETWORK_FILESYSTEMS.get(statfsSync(existsSync(path) ? path : folder).type)
  if (filesystem !== undefined && !allowNetwork)
    throw new KerjaError(
      'STORE_NETWORK_FILESYSTEM',
      `${path} lies on ${filesystem}. SQLite loses data when machines share a file there: use a local disk, or set { allowNetworkFilesystem: true } when one machine alone uses it.`,
      { details: { path, filesystem } },
    )
}

/** Creates the file for its owner only. SQLite gives its side files the same mode. */
export function createPrivateFile(path: string): void {
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'wx', FILE_MODE))
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, path)
  }
}

function fileError(error: unknown, path: string): KerjaError {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new KerjaError('STORE_FULL', `There is no space to create ${path}. Free some and try again. (${message})`, { cause: error })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new KerjaError('STORE_READ_ONLY', `${path} cannot be created. Give this user write access to its folder. (${message})`, { cause: error })
  return new KerjaError('BACKEND_UNAVAILABLE', `${path} cannot be created: ${message}`, { cause: error })
}

/** The file as it is; null when there is none. */
export function openUnchanged(config: StoreConfig): Connection | null {
  checkFolder(config.path, config.allowNetworkFilesystem)
  const driver = loadDriver(config.driver, config.allowUnsafeSqlite)
  return existsSync(config.path) ? driver.open(config.path) : null
}

export function openConnection(config: StoreConfig): Connection {
  checkFolder(config.path, config.allowNetworkFilesystem)
  const driver = loadDriver(config.driver, config.allowUnsafeSqlite)
  createPrivateFile(config.path)
  const connection = driver.open(config.path)
  try {
    const mode = untilFree(config.path, config.lockTimeoutMs, () => connection.prepare<[string]>('PRAGMA journal_mode = WAL').row()?.[0])
    if (mode !== 'wal')
      throw new KerjaError(
        'BACKEND_UNAVAILABLE',
        `${config.path} cannot be switched to WAL (it stays in ${mode}). Use a local disk that supports shared memory.`,
      )
    connection.exec(`PRAGMA synchronous = ${config.synchronous === 'full' ? 'FULL' : 'NORMAL'}`)
    connection.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`)
    connection.exec(`PRAGMA wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`)
    connection.exec(`PRAGMA cache_size = -${CACHE_KIB}`)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}
