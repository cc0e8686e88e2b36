/** Stopping: what runs may end, what does not is given back, and it never takes for ever. */
import type { Backend } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { aborted, gate, openStage } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<object>(), maxAttempts: 3 })
const once = defineJob({ kind: 'test.once', payload: type<object>(), maxAttempts: 1 })
const child = defineJob({ kind: 'test.child', payload: type<object>() })

/** Once `hang()` was called, no method of the backend answers any more. */
function hanging(backend: Backend) {
  let hangs = false
  const wrap = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key)
        if (typeof member !== 'function' || key === 'listen') return member
        return (...parameters: unknown[]) => (hangs ? new Promise(() => undefined) : Reflect.apply(member, target, parameters))
      },
    })
  const wrapped: Backend = { ...backend, queue: wrap(backend.queue), ledger: wrap(backend.ledger), coordination: wrap(backend.coordination) }
  return {
    backend: wrapped,
    hang: () => {
      hangs = true
    },
  }
}

describe.each(BACKENDS)('shutdown on $name', ({ open }) => {
  it('stop waits for what runs and claims nothing more; handlers may still enqueue', async () => {
    const stage = openStage(open())
    const release = gate()
    const worker = await stage.start({
      shutdownGrace: '30s',
      concurrency: 1,
      handlers: [
        job.handle(async (_payload, ctx) => {
          await release.opened
          await ctx.enqueue(child, {})
          ctx.enqueueOnComplete(child, {})
        }),
      ],
    })
    const [first, second] = await stage.kerja.enqueueMany([job.with({}), job.with({})])
    await stage.until('job.started', first?.id)
    const stopped = worker.stop()
    expect(worker.state).toBe('draining')
    expect(worker.stop()).toBe(stopped)
    release.open()
    await stopped
    expect(worker.state).toBe('stopped')
    expect((await stage.kerja.jobs.get(first?.id ?? '')).state).toBe('completed')
    expect(await stage.kerja.jobs.get(second?.id ?? '')).toMatchObject({ state: 'available', attempt: 0, token: 0 })
    expect((await stage.kerja.jobs.list({ kind: child.kind })).jobs).toHaveLength(2)
    expect(await stage.kerja.workers.list()).toEqual([])
    expect(stage.seen('worker.stopped')).toHaveLength(1)
  })

  it('past the grace handlers are aborted and their jobs given back unburned', async () => {
    const stage = openStage(open())
    const reasons: unknown[] = []
    const worker = await stage.start({
      shutdownGrace: '20ms',
      handlers: [
        job.handle(async (_payload, { signal }) => {
          reasons.push((await aborted(signal)).code)
          throw signal.reason
        }),
        once.handle(async (_payload, { signal }) => {
          await aborted(signal)
          throw signal.reason
        }),
      ],
    })
    const [many, single] = await stage.kerja.enqueueMany([job.with({}), once.with({})])
    await Promise.all([stage.until('job.started', many?.id), stage.until('job.started', single?.id)])
    await worker.stop()
    expect(reasons).toEqual(['WORKER_STATE'])
    expect(stage.seen('job.released', many?.id)).toHaveLength(1)
    expect(await stage.kerja.jobs.get(many?.id ?? '')).toMatchObject({ state: 'available', attempt: 0, crashCount: 0, failure: null })
    expect(await stage.kerja.jobs.get(single?.id ?? '')).toMatchObject({ state: 'failed', reason: 'interrupted', attempt: 1 })
  })

  it('a handler that hears nothing has its job given back too, and its late end changes nothing', async () => {
    const stage = openStage(open())
    const release = gate()
    const worker = await stage.start({ shutdownGrace: '20ms', handlers: [job.handle(() => release.opened)] })
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    await worker.stop()
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'available', attempt: 0 })
    const second = await stage.work(job.handle((_payload, ctx) => ctx.cancel('second')))
    await stage.ended(id)
    release.open()
    await second.stop()
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'cancelled', reason: 'second', attempt: 1 })
    expect(worker.runningCount).toBe(0)
  })

  it('a claim that comes back after the stop is given back un-run', async () => {
    const asked = gate()
    const answer = gate()
    let held = false
    const backend = withQueue(open(), (queue) => ({
      claim: async (request) => {
        const result = await queue.claim(request)
        if (result.jobs.length > 0 && !held) {
          held = true
          asked.open()
          await answer.opened
        }
        return result
      },
    }))
    const stage = openStage(backend)
    const runs: number[] = []
    const worker = await stage.start({ shutdownGrace: '10s', handlers: [job.handle(() => void runs.push(1))] })
    const { id } = await stage.kerja.enqueue(job, {})
    await asked.opened
    const stopped = worker.stop()
    answer.open()
    await stopped
    expect(runs).toEqual([])
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'available', attempt: 0, token: 1, crashCount: 0 })
  })

  it('an end whose progress is still being written is not left behind', async () => {
    const backend = open()
    const written = gate()
    const asked = gate()
    const record: Backend['ledger']['record'] = async (writes, limits) => {
      asked.open()
      await written.opened
      return backend.ledger.record(writes, limits)
    }
    const stage = openStage({ ...backend, ledger: { ...backend.ledger, record } })
    const worker = await stage.start({ shutdownGrace: '10s', handlers: [job.handle((_payload, ctx) => ctx.progress(0.5))] })
    const { id } = await stage.kerja.enqueue(job, {})
    await asked.opened
    const stopped = worker.stop()
    setImmediate(() => written.open())
    await stopped
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'completed', progress: { fraction: 0.5 } })
  })

  it('with a backend that no longer answers it ends all the same, and so do its beats', async () => {
    const { backend, hang } = hanging(open())
    const stage = openStage(backend)
    const worker = await stage.start({ shutdownGrace: '100ms', handlers: [job.handle(async (_payload, { signal }) => void (await aborted(signal)))] })
    const { id } = await stage.kerja.enqueue(job, {})
    await stage.until('job.started', id)
    hang()
    const beganAt = performance.now()
    await worker.stop()
    expect(performance.now() - beganAt).toBeLessThan(10_000)
    expect(worker.state).toBe('stopped')
  })

  it('can be started once, also after it was stopped', async () => {
    const stage = openStage(open())
    const worker = await stage.work(job.handle(() => undefined))
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' })
    await worker.stop()
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' })
    const unstarted = stage.kerja.worker({ handlers: [job.handle(() => undefined)] })
    await unstarted.stop()
    await expect(unstarted.start()).rejects.toMatchObject({ code: 'WORKER_STATE' })
  })

  it('stopped while it starts it does not run', async () => {
    const stage = openStage(open())
    const runs: number[] = []
    const worker = stage.kerja.worker({ handlers: [job.handle(() => void runs.push(1))], shutdownGrace: '1s' })
    const starting = worker.start().catch((error) => error)
    await worker.stop()
    await starting
    expect(worker.state).toBe('stopped')
    const { id } = await stage.kerja.enqueue(job, {})
    expect(await stage.kerja.workers.list()).toEqual([])
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'available', token: 0 })
    expect(runs).toEqual([])
  })

  it('run ends when the worker is stopped otherwise', async () => {
    const stage = openStage(open())
    const worker = stage.kerja.worker({ handlers: [job.handle(() => undefined)] })
    const running = worker.run()
    await stage.until('worker.started')
    await worker.stop()
    await running
    await expect(stage.kerja.jobs.list()).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
    expect(process.listenerCount('SIGTERM')).toBe(0)
  })
})
