/** Waiting for what events bring about. */

export interface Waiting {
  /** Looks again whether what is waited for is there. */
  check(): void
  /** What `find` finds, now or after a later check. */
  when<Value>(find: () => Value | undefined): Promise<Value>
}

export function createWaiting(): Waiting {
  const waiters = new Set<() => void>()
  return {
    check() {
      for (const look of [...waiters]) look()
    },
    when: (find) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = find()
          if (found === undefined) return
          waiters.delete(look)
          resolve(found)
        }
        waiters.add(look)
        look()
      }),
  }
}
