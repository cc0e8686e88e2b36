/** Workers in processes of their own: signals, exits, and what is left of their jobs. */
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryStore } from '../support/backends.js'
import { startWorkerProcess } from '../support/process.js'
import { openStage } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<object>() })

async function enqueueOne(path: string) {
  const kerja = new Kerja({ backend: sqlite(path), logger: 'silent' })
  onTestFinished(() => kerja.close())
  const { id } = await kerja.enqueue(job, {})
  return { kerja, id }
}

describe('worker processes', () => {
  it('SIGTERM lets a running job end, then the process exits with 0', async () => {
    const path = temporaryStore()
    const { kerja, id } = await enqueueOne(path)
    const worker = startWorkerProcess({ path, mode: 'brisk' })
    await worker.said('running')
    worker.child.kill('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.words).toEqual(['started', 'running', 'ended', 'done'])
    expect(await kerja.jobs.get(id)).toMatchObject({ state: 'completed', attempt: 1 })
    expect(await kerja.workers.list()).toEqual([])
  })

  it('past the grace it gives the job back and exits with 0', async () => {
    const path = temporaryStore()
    const { kerja, id } = await enqueueOne(path)
    const worker = startWorkerProcess({ path, mode: 'obedient', shutdownGrace: '50ms' })
    await worker.said('running')
    worker.child.kill('SIGINT')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(await kerja.jobs.get(id)).toMatchObject({ state: 'available', attempt: 0, crashCount: 0 })
  })

  it('a handler that hears nothing does not keep the process alive', async () => {
    const path = temporaryStore()
    const { kerja, id } = await enqueueOne(path)
    const worker = startWorkerProcess({ path, mode: 'deaf', shutdownGrace: '50ms' })
    await worker.said('running')
    worker.child.kill('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.words.at(-1)).toBe('done')
    expect(await kerja.jobs.get(id)).toMatchObject({ state: 'available', attempt: 0, crashCount: 0 })
  })

  it('a second signal exits at once', async () => {
    const path = temporaryStore()
    await enqueueOne(path)
    const worker = startWorkerProcess({ path, mode: 'deaf', shutdownGrace: '10m' })
    await worker.said('running')
    worker.child.kill('SIGTERM')
    worker.child.kill('SIGINT')
    expect(await worker.exited).toEqual({ code: 143, signal: null })
  })

  for (const [name, mode] of [
    ['process.exit in a handler', 'exits'],
    ['an uncaught exception in a handler', 'throwsLater'],
  ] as const) {
    it(`${name} is a death: another process takes the job over`, async () => {
      const path = temporaryStore()
      const { id } = await enqueueOne(path)
      const worker = startWorkerProcess({ path, mode })
      expect((await worker.exited).code).not.toBe(0)
      const stage = openStage(sqlite(path))
      await stage.work(job.handle(() => undefined))
      expect(await stage.until('job.rescued', id)).toMatchObject({ cause: 'death', outcome: 'crash' })
      expect(await stage.ended(id)).toMatchObject({ state: 'completed', attempt: 1, crashCount: 1, failure: { code: 'JOB_CRASHED' } })
    })
  }
})
