/** Wake-ups between processes: a small file beside the database is touched after a commit, and the others watch it. Hints only: polling bounds a lost one. */
import { type FSWatcher, utimesSync, watch } from 'node:fs'
import { createPrivateFile } from './connection.js'

export type WakeKind = 'available' | 'changed'

const SUFFIXES: Readonly<Record<WakeKind, string>> = Object.freeze({ available: '-kerja-wake', changed: '-kerja-changed' })
/** At most one touch per file in this time; what comes sooner is touched at its end. */
const TOUCH_INTERVAL_MS = 2

export const wakePathOf = (storePath: string, kind: WakeKind): string => `${storePath}${SUFFIXES[kind]}`

export interface Touch {
  touch(kind: WakeKind): void
  close(): void
}

/** The sending side, in the engine thread. */
export function createTouch(storePath: string): Touch {
  const senders = { available: createSender(wakePathOf(storePath, 'available')), changed: createSender(wakePathOf(storePath, 'changed')) }
  return {
    touch: (kind) => senders[kind].touch(),
    close() {
      senders.available.close()
      senders.changed.close()
    },
  }
}

function createSender(path: string): { touch(): void; close(): void } {
  let touchedAt = Number.NEGATIVE_INFINITY
  let later: NodeJS.Timeout | undefined

  function touchNow(): void {
    clearTimeout(later)
    later = undefined
    touchedAt = performance.now()
    const at = Date.now() / 1000
    try {
      // By its path, not by a descriptor: a file that was removed and made again is another file.
      utimesSync(path, at, at)
    } catch {
      makeAgain(path)
    }
  }

  return {
    touch() {
      const sinceMs = performance.now() - touchedAt
      // Also with a timer set: a thread that is never idle runs no timers.
      if (sinceMs >= TOUCH_INTERVAL_MS) touchNow()
      else later ??= setTimeout(touchNow, TOUCH_INTERVAL_MS - sinceMs)
    },
    close() {
      if (later !== undefined) touchNow()
    },
  }
}

/** A new file is a change to those who watch for it. */
function makeAgain(path: string): void {
  try {
    createPrivateFile(path)
  } catch {
    // A hint, which must not end the thread that stores jobs (EMFILE, EACCES, ENOSPC): the next touch tries again.
    return
  }
}

/** The receiving side. Never keeps the process alive. Where the system has no watches left, polling is all there is: null. */
export function watchWakes(storePath: string, kind: WakeKind, listener: () => void, onGone: () => void): FSWatcher | null {
  const path = wakePathOf(storePath, kind)
  try {
    createPrivateFile(path)
    const watcher = watch(path, { persistent: false }, (event) => {
      listener()
      // The file was removed or replaced: this watch is of a file that nobody touches any more.
      if (event === 'rename') onGone()
    })
    watcher.on('error', onGone)
    return watcher
  } catch {
    // No watches left (ENOSPC, EMFILE) or no such folder yet: wake-ups are hints, and workers poll at least once a second.
    return null
  }
}
