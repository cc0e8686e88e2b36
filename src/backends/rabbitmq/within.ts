/** A deadline for what the library would wait for without end. */

/** What `promise` gives, or the error after `ms`. What comes later goes to `late`, when given; a late error is nobody's any more. */
export function within<Value>(promise: Promise<Value>, ms: number, toError: () => Error, late?: (value: Value) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      reject(toError())
    }, ms)
    promise.then(
      (value) => {
        clearTimeout(timer)
        if (isOver) late?.(value)
        else resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}

/** Resolves when the promise has ended one way or the other, or after `ms`. */
export function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  return within(promise, ms, () => new Error('too late')).then(
    () => undefined,
    () => undefined,
  )
}
