/** Lists in a store with more jobs than one page looks at. */
import { join } from 'node:path'
import { Kerja } from 'kerja'
import { sqlite } from 'kerja/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { claimRequest, job, jobs, registration, temporaryFolder } from './support.js'

it('rare jobs below many others', async () => {
  const backend = sqlite(join(temporaryFolder(), 'jobs.db'))
  const kerja = new Kerja({ backend, logger: 'silent' })
  onTestFinished(() => kerja.close())
  const worker = registration()
  await backend.coordination.registerWorker(worker)
  const [failed, retryable, running] = [job({ tags: ['old'] }), job({ tags: ['old'] }), job({ tags: ['old'] })]
  await backend.queue.push([failed, retryable, running])
  const { jobs: leases } = await backend.queue.claim(claimRequest(worker.id))
  const leaseOf = (id: string) => leases.find((lease) => lease.jobId === id) ?? expect.fail()
  const failure = { name: 'Error', message: 'no', code: null, stack: null }
  await backend.queue.settle([
    { lease: leaseOf(failed.id), outcome: 'fail', reason: 'exhausted', failure, retentionMs: 60_000, crashed: false },
    { lease: leaseOf(retryable.id), outcome: 'retry', delayMs: 60_000, failure },
  ])
  for (let count = 0; count < 26_000; count += 2_000) await backend.queue.push(jobs(2_000))

  // Each of these states has an index: one page finds them.
  const page = await backend.ledger.list({ states: ['running', 'failed', 'cancelled', 'retryable'], limit: 10 })
  expect([page.jobs.map(({ id }) => id), page.next]).toEqual([[running.id, retryable.id, failed.id], null])
  const first = await backend.ledger.list({ states: ['running', 'failed', 'retryable'], limit: 2 })
  expect(first.jobs.map(({ id }) => id)).toEqual([running.id, retryable.id])
  const second = await backend.ledger.list({ states: ['running', 'failed', 'retryable'], limit: 2, cursor: first.next as string })
  expect([second.jobs.map(({ id }) => id), second.next]).toEqual([[failed.id], null])

  // A tag has none: the first page is empty and goes on, and `kerja.jobs` with it.
  expect(await backend.ledger.list({ tag: 'old', limit: 10 })).toEqual({ jobs: [], next: expect.any(String) })
  expect((await kerja.jobs.list({ tag: 'old' })).jobs.map(({ id }) => id)).toEqual([running.id, retryable.id, failed.id])
  expect(await kerja.jobs.list({ tag: 'none' })).toEqual({ jobs: [], next: null })
})
