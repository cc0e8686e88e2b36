/** The store of one process: one thread per file, private files, options, closing, and what a claim costs. */
import { readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createManualClock } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WIRE_VERSION } from '../../dist/backends/sqlite/wire.js'
import { claimRequest, codeOf, job, jobs, openHandle, registration, temporaryFolder } from './support.js'

const registry = (): Map<string, unknown> =>
  (globalThis as unknown as Record<symbol, Map<string, unknown>>)[Symbol.for(`kerja.sqlite.engines.${WIRE_VERSION}`)] ?? new Map()

describe('one store', () => {
  it('is shared by all backends of one file in a process, whatever link they came by', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'jobs.db')
    const first = sqlite(path)
    await first.open()
    symlinkSync(path, join(folder, 'link.db'))
    const second = sqlite(join(folder, 'link.db'))
    await second.open()
    expect([...registry().keys()]).toEqual([path])
    await first.close()
    expect(await second.queue.push([job()])).toMatchObject([{ status: 'created' }])
    await second.close()
    expect(registry().size).toBe(0)
  })

  it('refuses other options for a file that is open', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const first = sqlite(path)
    onTestFinished(() => first.close())
    await first.open()
    expect(await codeOf(() => sqlite({ path, synchronous: 'normal' }).open())).toBe('OPTION_INVALID')
  })

  it('closes once, after what was asked, and is then closed', async () => {
    const backend = sqlite(join(temporaryFolder(), 'jobs.db'))
    const pushed = backend.queue.push([job()])
    await Promise.all([backend.close(), backend.close()])
    expect(await pushed).toMatchObject([{ status: 'created' }])
    expect(await codeOf(() => backend.queue.push([job()]))).toBe('BACKEND_CLOSED')
    await sqlite('never-used.db').close()
  })

  it('makes files that only their owner can read', async () => {
    const folder = temporaryFolder()
    const backend = sqlite(join(folder, 'jobs.db'))
    onTestFinished(() => backend.close())
    backend.queue.listen({ available: () => undefined, changed: () => undefined })
    await backend.queue.push([job()])
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0)
  })

  it('names unknown and impossible options', async () => {
    const unknown = expect.objectContaining({ code: 'OPTION_UNKNOWN', message: expect.stringContaining('Did you mean "synchronous"?') })
    expect(() => sqlite({ path: 'jobs.db', sinchronous: 'full' } as never)).toThrow(unknown)
    for (const options of [
      ':memory:',
      '',
      { path: 'a.db', driver: 'libsql' },
      { path: 'a.db', lockTimeout: -1 },
      { path: 'a.db', synchronous: 'off' },
    ])
      expect(() => sqlite(options as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('lists what a migration would do without doing it', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'jobs.db')
    const backend = sqlite(path)
    onTestFinished(() => backend.close())
    const plan = await backend.migrate({ apply: false })
    expect(plan.map(({ version }) => version)).toEqual([1, 2])
    expect(readdirSync(folder)).toEqual([])
    const handle = openHandle(path)
    onTestFinished(() => handle.close())
    handle.exec('CREATE TABLE users (id INTEGER PRIMARY KEY)')
    expect(await backend.migrate({ apply: false })).toEqual(plan)
    expect(handle.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' })
    expect(plan[0]?.statements.every((statement) => /^(CREATE|INSERT)/.test(statement))).toBe(true)
    expect(await backend.migrate({ apply: true })).toEqual(plan)
    expect(await backend.migrate({ apply: false })).toEqual([])
  })

  it('fails a call that is not plain data alone', async () => {
    const backend = sqlite(join(temporaryFolder(), 'jobs.db'))
    onTestFinished(() => backend.close())
    const good = backend.queue.push([job()])
    const bad = codeOf(() => backend.queue.push([job({ payload: (() => 1) as never })]))
    expect(await good).toMatchObject([{ status: 'created' }])
    expect(await bad).toBe('OPTION_INVALID')
  })

  it('keeps a bad push from failing its neighbours', async () => {
    const backend = sqlite(join(temporaryFolder(), 'jobs.db'))
    onTestFinished(() => backend.close())
    const [good, bad] = await Promise.allSettled([backend.queue.push([job()]), backend.queue.push([job({ maxAttempts: 'many' as never })])])
    expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected'])
  })

  it('wakes listeners for what succeeded beside a call that failed', async () => {
    const backend = sqlite(join(temporaryFolder(), 'jobs.db'))
    onTestFinished(() => backend.close())
    const waiting = job()
    await backend.queue.push([waiting])
    const changed = new Promise<void>((resolve) => backend.queue.listen({ changed: resolve }))
    const [cancelled, pushed] = await Promise.allSettled([
      backend.ledger.cancel([waiting.id], { reason: 'test', retentionMs: 1_000 }),
      backend.queue.push([job({ maxAttempts: 'many' as never })]),
    ])
    expect([cancelled.status, pushed.status]).toEqual(['fulfilled', 'rejected'])
    await changed
  })

  it('claims nothing without taking the write lock', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const clock = createManualClock(1_000_000)
    const backend = sqlite({ path, clock, lockTimeout: '50ms' })
    onTestFinished(() => backend.close())
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    await backend.queue.push(jobs(1000, { delayMs: 5_000 }))
    const handle = openHandle(path)
    onTestFinished(() => handle.close())
    handle.exec('BEGIN IMMEDIATE')
    expect(await backend.queue.claim(claimRequest('worker-1'))).toEqual({ jobs: [], nextDueInMs: 5_000, suspectsWait: false })
    clock.advance(5_000)
    expect(await codeOf(() => backend.queue.claim(claimRequest('worker-1')))).toBe('STORE_LOCKED')
    handle.exec('ROLLBACK')
    expect((await backend.queue.claim(claimRequest('worker-1', { limit: 1_000, queues: new Map([['default', 1_000]]) }))).jobs).toHaveLength(1_000)
  })

  it('forgets a job without a trace', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const clock = createManualClock(1_000_000)
    const backend = sqlite({ path, clock })
    onTestFinished(() => backend.close())
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    await backend.queue.push(jobs(20))
    const { jobs: claimed } = await backend.queue.claim(claimRequest('worker-1'))
    await backend.ledger.record(
      claimed.map((lease) => ({ lease, progress: { fraction: 0.5, message: null } })),
      { logLinesMax: 10 },
    )
    await backend.ledger.record(
      claimed.map((lease) => ({ lease, lines: [{ at: 1, level: 'info', message: 'line' }] as const })),
      { logLinesMax: 10 },
    )
    await backend.queue.settle(claimed.map((lease) => ({ lease, outcome: 'complete', result: '1', retentionMs: 1_000, enqueue: [] }) as const))
    expect(await backend.ledger.prune({ limit: 100 })).toBe(0)
    clock.advance(1_000)
    expect(await backend.ledger.prune({ limit: 15 })).toBe(15)
    expect(await backend.ledger.prune({ limit: 15 })).toBe(5)
    const handle = openHandle(path)
    onTestFinished(() => handle.close())
    for (const table of ['jobs', 'payloads', 'results', 'progress', 'logs', 'attempts'])
      expect(handle.prepare(`SELECT count(*) AS count FROM kerja_${table}`).get(), table).toEqual({ count: 0 })
  })
})
