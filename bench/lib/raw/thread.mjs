/** The raw SQLite producer: group commit in a thread of its own. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { groupCommits } from './group-commit.mjs'

export async function openThreadProducer() {
  const thread = new Worker(new URL('./group-commit-thread.mjs', import.meta.url))
  await once(thread, 'message')
  let committed = () => undefined
  thread.on('message', () => committed())
  const commit = (payloads) =>
    new Promise((resolve) => {
      committed = resolve
      thread.postMessage(payloads)
    })
  return { ...groupCommits(commit), close: () => thread.terminate() }
}
