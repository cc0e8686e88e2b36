// A forwarder's walk takes every job, also those that are checked out after a page of it was read.
import { describe, expect, it } from 'vitest'
import { createWorld, idsOf, jobs, workerOn } from './support.js'

describe('taking', () => {
  it('a page that is short of jobs hides none that is checked out after it', async () => {
    const { backend, broker } = createWorld()
    const { id: workerId } = await workerOn(backend)
    broker.put('default', 'foreign')
    const pushed = jobs(3)
    await backend.queue.push(pushed)
    const taken: string[] = []
    let cursor: string | null = null
    do {
      const page = await backend.transfer.take({ limit: 2, charactersMax: 1_000_000, cursor, workerId })
      taken.push(...page.jobs.map(({ jobId }) => jobId))
      cursor = page.next
    } while (cursor !== null)
    expect(taken.sort()).toEqual(idsOf(pushed).sort())
  })
})
