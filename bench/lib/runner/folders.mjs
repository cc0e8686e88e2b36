/** Where a run keeps its stores: on the disk of the repository, since a temporary folder may be in memory, where an fsync costs nothing. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sleep } from '../meters.mjs'

const DATA = fileURLToPath(new URL('../../.data/', import.meta.url))

export function makeRunFolder() {
  mkdirSync(DATA, { recursive: true })
  return mkdtempSync(`${DATA}run-`)
}

/**
 * Again while a process that was just killed still creates files: the retries of `rmSync` itself do not look into the folder anew.
 */
export async function removeFolder(folder) {
  for (let left = 10; ; left -= 1) {
    try {
      rmSync(folder, { recursive: true, force: true })
      return
    } catch (error) {
      if (left === 0) throw error
      await sleep(100)
    }
  }
}
