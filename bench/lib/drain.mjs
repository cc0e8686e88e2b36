/** Runs a worker until `count` jobs are settled. */
const noop = async () => undefined

/**
 * `onSettled` of some systems runs before the settlement is stored. Such a worker has `stored()`, which resolves when no job is left, and a drain that
 * empties the queue (`toEmpty`) awaits it.
 */
export function drainWith(openWorker) {
  return async ({ count, concurrency, onProgress = () => undefined, onOpen = () => undefined, toEmpty = false }) => {
    let opening
    await new Promise((resolve, reject) => {
      let settled = 0
      const onSettled = () => {
        settled += 1
        onProgress(settled)
        if (settled === count) resolve()
      }
      opening = openWorker({ concurrency, handler: noop, onSettled })
      opening.then(onOpen, reject)
    })
    const worker = await opening
    if (toEmpty) await worker.stored?.()
    return worker
  }
}
