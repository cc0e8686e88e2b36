/** Runs a worker until `count` jobs are settled. */
const noop = async () => undefined

export function drainWith(openWorker) {
  return async ({ count, concurrency, onProgress = () => undefined }) => {
    let worker
    await new Promise((resolve, reject) => {
      let settled = 0
      const onSettled = () => {
        settled += 1
        onProgress(settled)
        if (settled === count) resolve()
      }
      openWorker({ concurrency, handler: noop, onSettled }).then((opened) => {
        worker = opened
      }, reject)
    })
    return worker
  }
}
