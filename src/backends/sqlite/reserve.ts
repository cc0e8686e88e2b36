/**
 * Space kept for settlements. Workers must be able to finish when the disk is full, so a file of a few megabytes is given up then, and
 * pushes are refused until it could be written again.
 *
 * States: kept → given up (by a settlement that met a full disk) → kept (by a later push that found room). A crash leaves either.
 */
import { closeSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { FILE_MODE } from './connection.js'

const RESERVE_BYTES = 4 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024
/** Between two looks at the file, which any process may have given up. */
const LOOK_INTERVAL_MS = 250

export interface Reserve {
  /** Takes the space, if it is free. False while the disk is too full for it. */
  keep(): boolean
  giveUp(): void
}

export function createReserve(storePath: string): Reserve {
  const path = `${storePath}-kerja-reserve`
  let kept = false
  let lookedAt = Number.NEGATIVE_INFINITY

  return {
    keep() {
      if (performance.now() - lookedAt < LOOK_INTERVAL_MS) return kept
      lookedAt = performance.now()
      kept = isWhole(path) || write(path)
      return kept
    },
    giveUp() {
      kept = false
      lookedAt = performance.now()
      rmSync(path, { force: true })
    },
  }
}

const isWhole = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.size === RESERVE_BYTES

function write(path: string): boolean {
  const file = openSync(path, 'w', FILE_MODE)
  try {
    // Written, not only sized: a sparse file would hold no space.
    for (let written = 0; written < RESERVE_BYTES; )
      written += writeSync(file, new Uint8Array(CHUNK_BYTES), 0, Math.min(CHUNK_BYTES, RESERVE_BYTES - written))
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
    ftruncateSync(file, 0)
    return false
  } finally {
    closeSync(file)
  }
}
