/**
 * Whether a worker's process lives, asked of the operating system: the process holds an exclusive lock on a file named after the worker,
 * and the kernel frees it at its death, whatever the signal. A process id would mislead across containers and after reuse.
 *
 * States: no file (not yet locked, or gone: judged by heartbeat alone) → locked (alive) → file that can be locked (dead).
 * The file appears under its name only once it is locked, so a half-made one is never taken for a death. A crash leaves the file; reaping removes it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createPrivateFile } from './connection.js'
import type { Driver } from './driver.js'
import { isBusy } from './faults.js'

export interface ProcessLock {
  release(): void
}

const FOLDER_MODE = 0o700
/** Worker ids are made by Kerja; one that could name another file has no lock and is judged by its heartbeat. */
const SAFE_ID = /^[A-Za-z0-9_-]{1,100}$/
const UNFINISHED_SUFFIX = '.new'

const folderOf = (storePath: string): string => `${storePath}-kerja-workers`
const fileOf = (storePath: string, workerId: string): string => join(folderOf(storePath), workerId)

/** Null for an id that cannot name a file. */
export function holdProcessLock(driver: Driver, storePath: string, workerId: string): ProcessLock | null {
  if (!SAFE_ID.test(workerId)) return null
  mkdirSync(folderOf(storePath), { recursive: true, mode: FOLDER_MODE })
  const file = fileOf(storePath, workerId)
  createPrivateFile(file + UNFINISHED_SUFFIX)
  const connection = driver.open(file + UNFINISHED_SUFFIX)
  try {
    connection.exec('BEGIN EXCLUSIVE')
    renameSync(file + UNFINISHED_SUFFIX, file)
  } catch (error) {
    connection.close()
    throw error
  }
  return {
    release() {
      rmSync(file, { force: true })
      connection.close()
    },
  }
}

/** True only when the kernel says so: the worker had its lock, and it is free. */
export function isProcessDead(driver: Driver, storePath: string, workerId: string): boolean {
  if (!SAFE_ID.test(workerId)) return false
  const file = fileOf(storePath, workerId)
  if (!existsSync(file)) return false
  const connection = driver.open(file)
  try {
    connection.exec('BEGIN EXCLUSIVE')
    connection.exec('ROLLBACK')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  } finally {
    connection.close()
  }
}

/** Removes the files of workers that nobody remembers as alive. */
export function removeLockFiles(storePath: string, workerIds: readonly string[]): void {
  for (const id of workerIds) if (SAFE_ID.test(id)) rmSync(fileOf(storePath, id), { force: true })
}

/** Ids that have a lock file. */
export function lockedWorkerIds(storePath: string): readonly string[] {
  const folder = folderOf(storePath)
  return existsSync(folder) ? readdirSync(folder).filter((name) => SAFE_ID.test(name)) : []
}
