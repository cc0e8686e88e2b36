/** Topic wake: hints arrive when nothing is in their way. Each case waits for the call itself, never for a time. */
import assert from 'node:assert/strict'
import { complete, leaseOf, newJob, release } from './build.js'
import { topic } from './suite.js'

export const wakeTopic = topic('wake', [], ({ check, where }) => {
  check('a push wakes listeners for work', async ({ pushOne, nextWake }) => {
    const woken = nextWake('available')
    await pushOne()
    await woken
  })

  check('every listener is called', async ({ pushOne, nextWake }) => {
    const all = Promise.all([nextWake('available'), nextWake('available'), nextWake('available')])
    await pushOne()
    await all
  })

  check('a released job wakes listeners for work', async ({ pushOne, worker, settle, nextWake }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    const woken = nextWake('available')
    await settle(claimed, release)
    await woken
  })

  check('a job that ends wakes listeners for changes', async ({ pushOne, worker, settle, nextWake }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    const woken = nextWake('changed')
    await settle(claimed, complete())
    await woken
  })

  where(['ledger'], 'progress wakes listeners for changes', async ({ pushOne, worker, ledger, nextWake }) => {
    await pushOne()
    const claimed = await (await worker()).takeOne()
    const woken = nextWake('changed')
    await ledger.record([{ lease: leaseOf(claimed), progress: { fraction: 0.5, message: null } }], { logLinesMax: 10 })
    await woken
  })

  where(['ledger'], 'a retry by hand wakes listeners for work', async ({ pushOne, ledger, nextWake }) => {
    const id = await pushOne()
    await ledger.cancel([id], { reason: 'oops', retentionMs: 60_000 })
    const woken = nextWake('available')
    await ledger.retry([id])
    await woken
  })

  where(['coordination'], 'a resumed queue wakes listeners for work', async ({ pushOne, coordination, nextWake }) => {
    await coordination.pauseQueue('default')
    await pushOne()
    const woken = nextWake('available')
    await coordination.resumeQueue('default')
    await woken
  })

  check('a listener that was stopped is not called, and stopping twice is no error', async ({ queue, pushOne, nextWake }) => {
    let calls = 0
    const stop = queue.listen({ available: () => (calls += 1) })
    stop()
    stop()
    const woken = nextWake('available')
    await pushOne()
    await woken
    assert.equal(calls, 0)
  })

  check('a listener sees the push that woke it', async ({ pushOne, worker, nextWake }) => {
    const by = await worker()
    const woken = nextWake('available').then(() => by.take())
    const id = await pushOne()
    assert.deepEqual(
      (await woken).map(({ jobId }) => jobId),
      [id],
    )
  })

  where(['crossProcess'], 'a push through another handle wakes listeners', async ({ reopen, nextWake }) => {
    const other = await reopen()
    const woken = nextWake('available')
    await other.queue.push([newJob()])
    await woken
  })
})
