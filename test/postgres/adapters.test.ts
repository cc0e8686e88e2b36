// Each library's real transaction carries Kerja's writes, and its pool or root object is refused. The libraries are in test/postgres/adapters.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimRequest, job, registration } from '../sqlite/support.js'
import { postgresUrl, temporaryPostgres } from '../support/postgres.js'

interface Library {
  readonly run: <T>(act: (tx: unknown) => Promise<T>) => Promise<T>
  readonly refused: readonly unknown[]
  readonly close: () => Promise<unknown>
}

const folder = join(import.meta.dirname, 'adapters')
if (!existsSync(join(folder, 'node_modules')))
  throw new Error('The libraries are missing. Run `npm ci --ignore-scripts` in test/postgres/adapters, or `npm test`, which does.')
const { LIBRARIES } = (await import(pathToFileURL(join(folder, 'libraries.mjs')).href)) as {
  readonly LIBRARIES: Readonly<Record<string, (url: string) => Promise<Library>>>
}

const ROLLED_BACK = new Error('rolled back by the test')

describe.each(Object.keys(LIBRARIES))('%s', (name) => {
  async function open() {
    const backend = temporaryPostgres()
    await backend.open()
    const library = await (LIBRARIES[name] as (url: string) => Promise<Library>)(postgresUrl())
    onTestFinished(async () => void (await library.close()))
    return { backend, library }
  }

  it('commits and rolls back what was pushed with it', async () => {
    const { backend, library } = await open()
    const [kept, dropped] = [job({ payload: '{"a":"it\'s ? :x $1 \\\\ \\u0000"}' }), job()]
    expect(await library.run((tx) => backend.queue.push([kept], { tx }))).toEqual([{ status: 'created', id: kept.id }])
    const rolledBack = library.run(async (tx) => {
      await backend.queue.push([dropped], { tx })
      throw ROLLED_BACK
    })
    await expect(rolledBack).rejects.toBe(ROLLED_BACK)
    const records = await backend.ledger.get([kept.id, dropped.id])
    expect(records.map((record) => record?.payload)).toEqual([kept.payload, undefined])
  })

  it('commits and rolls back completions', async () => {
    const { backend, library } = await open()
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    await backend.queue.push([job()])
    const [lease] = (await backend.queue.claim(claimRequest('worker-1'))).jobs
    if (lease === undefined) throw new Error('there is a job to claim')
    const completion = { lease, outcome: 'complete', result: '{"a":1}', retentionMs: 60_000, enqueue: [] } as const
    const rolledBack = library.run(async (tx) => {
      await backend.queue.settle([completion], { tx })
      throw ROLLED_BACK
    })
    await expect(rolledBack).rejects.toBe(ROLLED_BACK)
    expect((await backend.ledger.get([lease.jobId]))[0]?.state).toBe('running')
    expect(await library.run((tx) => backend.queue.settle([completion], { tx }))).toEqual(['settled'])
    expect((await backend.ledger.get([lease.jobId]))[0]).toMatchObject({ state: 'completed', result: '{"a":1}' })
  })

  it('is refused where it is no transaction', async () => {
    const { backend, library } = await open()
    for (const tx of library.refused) {
      const each = job()
      await expect(backend.queue.push([each], { tx })).rejects.toMatchObject({ code: 'TRANSACTION_INVALID' })
      expect(await backend.ledger.get([each.id])).toEqual([null])
    }
  })

  it('is refused once it has ended', async () => {
    const { backend, library } = await open()
    const ended = await library.run(async (tx) => ({ tx }))
    await expect(backend.queue.push([job()], { tx: ended.tx })).rejects.toMatchObject({ code: 'TRANSACTION_INVALID' })
  })
})
