/** Where a run keeps its stores: on the disk of the repository, since a temporary folder may be in memory, where an fsync costs nothing. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DATA = fileURLToPath(new URL('../../.data/', import.meta.url))

export function makeRunFolder() {
  mkdirSync(DATA, { recursive: true })
  return mkdtempSync(`${DATA}run-`)
}

/** Retries, since a process that was just ended may still be writing. */
export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}
