/** Group commit without a timer: what arrives while a batch is out forms the next one. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export async function openGroupCommit() {
  const thread = new Worker(new URL('./group-commit-thread.mjs', import.meta.url))
  await once(thread, 'message')
  let payloads = []
  let resolvers = []
  let out = null
  let scheduled = false

  function flush() {
    scheduled = false
    out = resolvers
    thread.postMessage(payloads)
    payloads = []
    resolvers = []
  }
  // A microtask later, so that callers which continue in the same turn share the commit.
  function schedule() {
    if (scheduled || out !== null) return
    scheduled = true
    queueMicrotask(flush)
  }
  thread.on('message', () => {
    const done = out
    out = null
    for (const resolve of done) resolve()
    if (payloads.length > 0) schedule()
  })

  function enqueueAll(batch) {
    return new Promise((resolve) => {
      for (const payload of batch) payloads.push(JSON.stringify(payload))
      resolvers.push(resolve)
      schedule()
    })
  }
  return { enqueue: (payload) => enqueueAll([payload]), enqueueMany: enqueueAll, close: () => thread.terminate() }
}
