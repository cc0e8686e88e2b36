/** What is accepted as `tx`, and what is refused before anything is written. */
import { join } from 'node:path'
import type { Backend } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimRequest, codeOf, job, openHandle, registration, temporaryFolder } from './support.js'

const usesNodeSqlite = openHandle(':memory:').constructor.name === 'DatabaseSync'

class DatabaseSync {
  prepare(): void {
    expect.fail('not asked')
  }
  exec(): void {
    expect.fail('not asked')
  }
}

async function openStore(): Promise<{ backend: Backend; path: string }> {
  const path = join(temporaryFolder(), 'app.db')
  const backend = sqlite(path)
  onTestFinished(() => backend.close())
  await backend.open()
  return { backend, path }
}

function handleOn(path: string) {
  const handle = openHandle(path)
  onTestFinished(() => handle.close())
  return handle
}

describe('work in the caller’s transaction', () => {
  it('lives and dies with the caller’s own writes', async () => {
    const { backend, path } = await openStore()
    const handle = handleOn(path)
    handle.exec('CREATE TABLE users (name TEXT)')
    const [kept, dropped] = [job(), job()]
    for (const [each, end] of [
      [kept, 'COMMIT'],
      [dropped, 'ROLLBACK'],
    ] as const) {
      handle.exec('BEGIN IMMEDIATE')
      handle.prepare('INSERT INTO users (name) VALUES (?)').run(each.id)
      backend.queue.pushSync?.([each], { tx: handle })
      handle.exec(end)
    }
    expect((await backend.ledger.get([kept.id, dropped.id])).map((record) => record?.state)).toEqual(['available', undefined])
    expect(handle.prepare('SELECT count(*) AS count FROM users').get()).toEqual({ count: 1 })
  })

  it('takes a completion along, at once', async () => {
    const { backend, path } = await openStore()
    const handle = handleOn(path)
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    await backend.queue.push([job()])
    const [lease] = (await backend.queue.claim(claimRequest('worker-1'))).jobs
    if (lease === undefined) throw new Error('there is a job to claim')
    const next = job()
    const completion = { lease, outcome: 'complete', result: '1', retentionMs: 60_000, enqueue: [next] } as const
    for (const [end, state] of [
      ['ROLLBACK', 'running'],
      ['COMMIT', 'completed'],
    ] as const) {
      handle.exec('BEGIN IMMEDIATE')
      expect(backend.queue.settleSync?.([completion], { tx: handle })).toEqual(['settled'])
      handle.exec(end)
      expect((await backend.ledger.get([lease.jobId]))[0]?.state).toBe(state)
    }
    expect((await backend.ledger.get([next.id]))[0]?.state).toBe('available')
    expect(await backend.queue.settle([completion])).toEqual(['lost'])
  })

  it('wakes a listener of this process', async () => {
    const { backend, path } = await openStore()
    const handle = handleOn(path)
    const woken = new Promise<void>((resolve) => backend.queue.listen({ available: resolve }))
    handle.exec('BEGIN IMMEDIATE')
    await backend.queue.push([job()], { tx: handle })
    handle.exec('COMMIT')
    await woken
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    expect((await backend.queue.claim(claimRequest('worker-1'))).jobs).toHaveLength(1)
  })

  it('takes a handle that is set to answer with BigInt', async () => {
    const { backend, path } = await openStore()
    const handle = handleOn(path)
    ;(handle as { defaultSafeIntegers?: (on: boolean) => void }).defaultSafeIntegers?.(true)
    const pushed = job({ unique: { key: 'k', scope: 'waiting', whenTaken: 'skip', debounceMs: null } })
    handle.exec('BEGIN IMMEDIATE')
    await backend.queue.push([pushed], { tx: handle })
    expect(await backend.queue.push([{ ...pushed, id: job().id }], { tx: handle })).toEqual([{ status: 'duplicate', id: pushed.id }])
    handle.exec('COMMIT')
  })

  it('refuses a handle with no open transaction, and writes nothing', async () => {
    const { backend, path } = await openStore()
    const lost = job()
    expect(await codeOf(() => backend.queue.push([lost], { tx: handleOn(path) }))).toBe('TRANSACTION_INVALID')
    expect(await backend.ledger.get([lost.id])).toEqual([null])
  })

  it('refuses a handle on another file or in memory', async () => {
    const { backend } = await openStore()
    for (const path of [join(temporaryFolder(), 'other.db'), ':memory:']) {
      const handle = handleOn(path)
      handle.exec('BEGIN')
      expect(await codeOf(() => backend.queue.push([job()], { tx: handle }))).toBe('TRANSACTION_INVALID')
    }
  })

  it('refuses a handle of the other library', async () => {
    const { backend } = await openStore()
    const unasked = (): void => expect.fail('not asked')
    // As a handle of the library that Kerja does not use here looks from outside.
    const other = usesNodeSqlite ? { prepare: unasked, exec: unasked, pragma: unasked, transaction: unasked } : new DatabaseSync()
    await expect(backend.queue.push([job()], { tx: other })).rejects.toThrow(/driver: '/)
  })

  it('refuses pools, query builders and values', async () => {
    const { backend } = await openStore()
    for (const tx of [null, 1, 'BEGIN', {}, { query: () => [] }, { execute: () => [], transaction: () => [] }]) {
      expect(await codeOf(() => backend.queue.push([job()], { tx }))).toBe('TRANSACTION_INVALID')
    }
  })

  it('says how to make the tables when they are not there yet', async () => {
    const path = join(temporaryFolder(), 'app.db')
    const backend = sqlite(path)
    onTestFinished(() => backend.close())
    const handle = handleOn(path)
    handle.exec('CREATE TABLE users (name TEXT)')
    handle.exec('BEGIN')
    expect(() => backend.queue.pushSync?.([job()], { tx: handle })).toThrow(
      expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('kerja.migrate()') }),
    )
  })

  it('is named when the caller awaits an enqueue while holding the lock', async () => {
    const path = join(temporaryFolder(), 'app.db')
    const backend = sqlite({ path, lockTimeout: 50 })
    onTestFinished(() => backend.close())
    await backend.open()
    const handle = handleOn(path)
    handle.exec('BEGIN IMMEDIATE')
    await expect(backend.queue.push([job()])).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_LOCKED', message: expect.stringContaining('{ tx }') }),
    )
    handle.exec('COMMIT')
    expect(await backend.queue.push([job()])).toMatchObject([{ status: 'created' }])
  })
})
