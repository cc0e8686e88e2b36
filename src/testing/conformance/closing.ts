/** Topic closing: opening and closing are safe at any time. */
import assert from 'node:assert/strict'
import { newJob } from './build.js'
import { rejectsWith } from './stage.js'
import { topic } from './suite.js'

export const closingTopic = topic('closing', [], ({ check, where }) => {
  check('opening again, also at once, is no work', async ({ backend, pushOne, worker }) => {
    await Promise.all([backend.open(), backend.open(), backend.open()])
    await pushOne()
    await backend.open()
    assert.equal((await (await worker()).take()).length, 1)
  })

  check('closing twice, also at once, is no error', async ({ backend }) => {
    await Promise.all([backend.close(), backend.close()])
    await backend.close()
  })

  check('a closed backend refuses work', async ({ backend, queue }) => {
    await backend.close()
    await rejectsWith('BACKEND_CLOSED', () => queue.push([newJob()]))
    await rejectsWith('BACKEND_CLOSED', () =>
      queue.claim({ workerId: 'w', limit: 1, queues: new Map([['default', 1]]), kinds: [], alone: false, expiredRetentionMs: 1 }),
    )
    await rejectsWith('BACKEND_CLOSED', () => queue.settle([]))
  })

  where(['ledger'], 'a closed backend refuses questions', async ({ backend, ledger }) => {
    await backend.close()
    await rejectsWith('BACKEND_CLOSED', () => ledger.get([newJob().id]))
  })

  check('calls that run while it closes end, one way or the other', async ({ backend, queue }) => {
    const pushes = Array.from({ length: 20 }, () => queue.push([newJob()]))
    const closing = backend.close()
    const results = await Promise.allSettled(pushes)
    await closing
    for (const result of results) {
      if (result.status === 'rejected') assert.equal((result.reason as { readonly code?: unknown }).code, 'BACKEND_CLOSED')
    }
  })

  check('an open backend has nothing left to migrate', async ({ backend }) => {
    assert.deepEqual(await backend.migrate({ apply: false }), [])
  })
})
