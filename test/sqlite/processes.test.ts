/** Several processes on one file: wake-ups, deaths, starts at once, ends at any point. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimRequest, job, kill, nextMessage, registration, spawnScript, temporaryFolder } from './support.js'

const HEADER = `
import { sqlite } from 'kerja/sqlite'
const data = JSON.parse(process.env.KERJA_TEST_DATA)
const backend = sqlite(data.path)
`

function store() {
  const path = join(temporaryFolder(), 'jobs.db')
  const backend = sqlite(path)
  onTestFinished(() => backend.close())
  return { path, backend }
}

describe('processes', () => {
  it('wake each other when jobs arrive and when they change', async () => {
    const { path, backend } = store()
    await backend.open()
    const available = new Promise<void>((resolve) => backend.queue.listen({ available: resolve }))
    const changed = new Promise<void>((resolve) => backend.queue.listen({ changed: resolve }))
    const pushed = job()
    spawnScript(
      `${HEADER}
      await backend.queue.push([data.job])
      await backend.ledger.cancel([data.job.id], { reason: 'test', retentionMs: 1000 })
      await backend.close()`,
      { path, job: pushed },
    )
    await Promise.all([available, changed])
  })

  it('notice at once that a worker process was killed', async () => {
    const { path, backend } = store()
    const worker = registration({ leaseMs: 3_600_000 })
    await backend.queue.push([job()])
    const child = spawnScript(
      `${HEADER}
      await backend.coordination.registerWorker(data.worker)
      const { openHeartbeat } = await import(backend.queue.heartbeat.module)
      globalThis.heartbeat = openHeartbeat(backend.queue.heartbeat.config, data.worker.id)
      const { jobs } = await backend.queue.claim({ ...data.request, queues: new Map([['default', 10]]) })
      process.send({ beat: heartbeat.beat(), claimed: jobs.length })
      setInterval(() => {}, 1000)`,
      { path, worker, request: claimRequest(worker.id) },
    )
    expect(await nextMessage(child)).toMatchObject({ beat: { alive: true, held: [{ token: 1 }] }, claimed: 1 })

    expect(await backend.coordination.reapWorkers()).toEqual([])
    expect(await backend.queue.lapsed({ limit: 10 })).toEqual([])
    await kill(child)
    expect(await backend.coordination.reapWorkers()).toEqual([worker.id])
    expect(await backend.queue.lapsed({ limit: 10 })).toMatchObject([{ cause: 'death', workerId: worker.id }])
    expect(existsSync(join(`${path}-kerja-workers`, worker.id))).toBe(false)
  })

  it('keep every job that was acknowledged before a kill', async () => {
    const { path, backend } = store()
    const child = spawnScript(
      `${HEADER}
      const { randomUUID } = await import('node:crypto')
      for (;;) {
        const batch = Array.from({ length: 20 }, () => ({ ...data.job, id: randomUUID() }))
        await backend.queue.push(batch)
        process.send(batch.map(({ id }) => id))
      }`,
      { path, job: job() },
    )
    const acknowledged: string[] = []
    while (acknowledged.length < 200) acknowledged.push(...(await nextMessage<string[]>(child)))
    await kill(child)
    expect((await backend.ledger.get(acknowledged)).every((record) => record?.state === 'available')).toBe(true)
  })

  it('may start all at once on a new file', async () => {
    const { path, backend } = store()
    const children = Array.from({ length: 4 }, () =>
      spawnScript(
        `${HEADER}
        await backend.open()
        process.send(await backend.migrate({ apply: false }))
        await backend.close()`,
        { path },
      ),
    )
    expect(await Promise.all(children.map((child) => nextMessage(child)))).toEqual([[], [], [], []])
    expect(await backend.migrate({ apply: false })).toEqual([])
  })

  it('end by themselves when nothing is asked of Kerja, and not before it has answered', async () => {
    const { path, backend } = store()
    const pushed = job()
    const child = spawnScript(
      `${HEADER}
      backend.queue.listen({ available: () => {} })
      backend.queue.push([data.job])`,
      { path, job: pushed },
    )
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(await backend.ledger.get([pushed.id])).toMatchObject([{ id: pushed.id }])
  })
})
