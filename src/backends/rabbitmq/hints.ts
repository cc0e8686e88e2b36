/** Who waits for messages, and is told that some may be received: once for a burst. */
export interface Hints {
  readonly hint: () => void
  /** Returns the way to stop. */
  watch(onArrival: () => void): () => void
  /** The next hint, or some time. */
  next(ms: number): Promise<void>
  /** A hint that was given and not told is forgotten. */
  stop(): void
}

export function createHints(): Hints {
  const watchers = new Set<() => void>()
  let hinted: NodeJS.Immediate | undefined

  function hint(): void {
    hinted ??= setImmediate(() => {
      hinted = undefined
      for (const onArrival of [...watchers]) onArrival()
    })
  }

  function watch(onArrival: () => void): () => void {
    // The same function may be given twice.
    const call = (): void => onArrival()
    watchers.add(call)
    return () => void watchers.delete(call)
  }

  /** The next hint, or some time. */
  function next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        unwatch()
        resolve()
      }
      const timer = setTimeout(done, ms)
      const unwatch = watch(done)
    })
  }

  return { hint, watch, next, stop: () => clearImmediate(hinted) }
}
