/**
 * Many deadlines of one length on a single timer: a timer per enqueue would cost more than the enqueue.
 *
 * Entries expire in the order added, so only the oldest needs a timer. While nothing waits the timer does not keep the process alive.
 */

/** What `add` needs on an entry. The links make a list without a further object per entry, which at this rate the garbage collector would feel. */
export interface Timed {
  /** Monotonic ms. */
  expiresAt: number
  older: Timed | null
  newer: Timed | null
}

export interface Deadlines<Entry extends Timed> {
  add(entry: Entry): void
  /** The entry needs no deadline any more. */
  remove(entry: Entry): void
}

export function createDeadlines<Entry extends Timed>(timeoutMs: number, expire: (entry: Entry) => void): Deadlines<Entry> {
  let oldest: Timed | null = null
  let newest: Timed | null = null
  let timer: NodeJS.Timeout | null = null

  const remove = (entry: Timed) => {
    const { older, newer } = entry
    if (older === null && newer === null && oldest !== entry) return
    if (older === null) oldest = newer
    else older.newer = newer
    if (newer === null) newest = older
    else newer.older = older
    entry.older = null
    entry.newer = null
    if (oldest === null) timer?.unref()
  }

  const arm = () => {
    timer = oldest === null ? null : setTimeout(afterPendingAnswers, Math.max(1, oldest.expiresAt - performance.now()))
  }

  // After a blocked event loop the timers run before the answers that arrived meanwhile are read: let those be read first.
  const afterPendingAnswers = () => setImmediate(sweep)

  const sweep = () => {
    const now = performance.now()
    while (oldest !== null && oldest.expiresAt <= now) {
      const entry = oldest as Entry
      remove(entry)
      expire(entry)
    }
    arm()
  }

  return {
    add: (entry) => {
      entry.expiresAt = performance.now() + timeoutMs
      entry.older = newest
      if (newest === null) oldest = entry
      else newest.newer = entry
      newest = entry
      if (timer === null) arm()
      else if (oldest === entry) timer.ref()
    },
    remove,
  }
}

/** The promise's answer, or `timeoutError()` when it does not come in time. The promise itself goes on. */
export function withTimeout<Value>(promise: Promise<Value>, timeoutMs: number, timeoutError: () => Error): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(timeoutError())), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
