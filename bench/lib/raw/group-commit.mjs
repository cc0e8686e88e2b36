/** Group commit without a timer: what arrives while a batch is out forms the next one. */

/** `commit(payloads)` resolves when the JSON texts are on disk. */
export function groupCommits(commit) {
  let payloads = []
  let resolvers = []
  let isOut = false
  let isScheduled = false

  async function flush() {
    isScheduled = false
    isOut = true
    const batch = payloads
    const waiting = resolvers
    payloads = []
    resolvers = []
    await commit(batch)
    isOut = false
    for (const resolve of waiting) resolve()
    if (payloads.length > 0) schedule()
  }
  // A microtask later, so that callers which continue in the same turn share the commit.
  function schedule() {
    if (isScheduled || isOut) return
    isScheduled = true
    queueMicrotask(flush)
  }

  function enqueueAll(batch) {
    return new Promise((resolve) => {
      for (const payload of batch) payloads.push(JSON.stringify(payload))
      resolvers.push(resolve)
      schedule()
    })
  }
  return { enqueue: (payload) => enqueueAll([payload]), enqueueMany: enqueueAll }
}
