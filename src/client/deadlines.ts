/**
 * Many deadlines of one length on a single timer: a timer per enqueue would cost more than the enqueue.
 *
 * Entries expire in the order added, so only the oldest needs a timer. While nothing waits the timer does not keep the process alive.
 */

export interface Timed {
  /** Set by `add`: monotonic ms. */
  expiresAt: number
}

export interface Deadlines<Entry extends Timed> {
  add(entry: Entry): void
  /** The entry needs no deadline any more. */
  remove(entry: Entry): void
}

export function createDeadlines<Entry extends Timed>(timeoutMs: number, expire: (entry: Entry) => void): Deadlines<Entry> {
  const waiting = new Set<Entry>()
  let timer: NodeJS.Timeout | null = null

  const arm = () => {
    const oldest = waiting.values().next().value
    timer = oldest === undefined ? null : setTimeout(afterPendingAnswers, Math.max(1, oldest.expiresAt - performance.now()))
  }

  // After a blocked event loop the timers run before the answers that arrived meanwhile are read: let those be read first.
  const afterPendingAnswers = () => setImmediate(sweep)

  const sweep = () => {
    const now = performance.now()
    for (const entry of waiting) {
      if (entry.expiresAt > now) break
      waiting.delete(entry)
      expire(entry)
    }
    arm()
  }

  return {
    add: (entry) => {
      entry.expiresAt = performance.now() + timeoutMs
      waiting.add(entry)
      if (timer === null) arm()
      else if (waiting.size === 1) timer.ref()
    },
    remove: (entry) => {
      if (waiting.delete(entry) && waiting.size === 0) timer?.unref()
    },
  }
}

/** The promise's answer, or `timeoutError()` when it does not come in time. The promise itself goes on. */
export function withTimeout<Value>(promise: Promise<Value>, timeoutMs: number, timeoutError: () => Error): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(timeoutError())), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
