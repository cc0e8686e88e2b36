/** Who in this process wants to hear of new work and of changes, and the watches for what other processes do. */
import type { FSWatcher } from 'node:fs'
import type { WakeListener } from '../../contract/backend.js'
import { type WakeKind, watchWakes } from './wake.js'

export interface Listeners {
  /** Returns the way to stop. */
  add(listener: WakeListener): () => void
  wake(kind: WakeKind): void
  clear(): void
}

export function createListeners(storePath: string): Listeners {
  const listeners = new Set<WakeListener>()
  const watchers = new Map<WakeKind, FSWatcher | null>()

  function wake(kind: WakeKind): void {
    for (const listener of listeners) {
      const call = listener[kind]
      if (call !== undefined) queueMicrotask(() => (listeners.has(listener) ? call() : undefined))
    }
  }

  function watch(kind: WakeKind): void {
    if (watchers.has(kind)) return
    const watcher = watchWakes(
      storePath,
      kind,
      () => wake(kind),
      () => watchAgain(kind, watcher),
    )
    watchers.set(kind, watcher)
  }

  /** Once per watch, however often it says that its file is gone. */
  function watchAgain(kind: WakeKind, gone: FSWatcher | null): void {
    gone?.close()
    if (watchers.get(kind) !== gone) return
    watchers.delete(kind)
    watch(kind)
  }

  function stopWatching(): void {
    for (const watcher of watchers.values()) watcher?.close()
    watchers.clear()
  }

  return {
    add(listener) {
      // A copy, so that one listener object given twice is two listeners, each stopped on its own.
      const own = { ...listener }
      listeners.add(own)
      if (own.available !== undefined) watch('available')
      if (own.changed !== undefined) watch('changed')
      return () => {
        listeners.delete(own)
        if (listeners.size === 0) stopWatching()
      }
    },
    wake,
    clear() {
      listeners.clear()
      stopWatching()
    },
  }
}
