/** Broken files, full disks, held locks: a coded error each, nothing lost, and no restart needed afterwards. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { defineJob, Kerja, type } from 'kerja'
import type { HeartbeatModule, HeartbeatSource } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimRequest, codeOf, job, jobs, keepLeases, openHandle, registration, temporaryFolder } from './support.js'

const isRoot = process.getuid?.() === 0

function backendOn(path: string) {
  const backend = sqlite({ path, lockTimeout: 100 })
  onTestFinished(() => backend.close())
  return backend
}

/** Writes until nothing more fits. */
function fillDisk(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, new Uint8Array(4_096))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
  } finally {
    closeSync(file)
  }
}

describe('faults of the store', () => {
  it('a file that is no database', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    writeFileSync(path, 'these are not the pages you are looking for\n'.repeat(100))
    const backend = backendOn(path)
    expect(await codeOf(() => backend.open())).toBe('STORE_CORRUPT')
    rmSync(path)
    await backend.open()
  })

  it('a damaged page', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const first = sqlite(path)
    await first.queue.push(jobs(500, { payload: '"'.padEnd(400, 'x') }))
    await first.close()
    const bytes = readFileSync(path)
    bytes.fill(0xa5, 8 * 4096)
    writeFileSync(path, bytes)
    const backend = backendOn(path)
    expect(await codeOf(() => backend.ledger.list({ limit: 500 }))).toBe('STORE_CORRUPT')
  })

  it('a folder that does not exist, and then does', async () => {
    const folder = join(temporaryFolder(), 'later')
    const backend = backendOn(join(folder, 'jobs.db'))
    expect(await codeOf(() => backend.open())).toBe('BACKEND_UNAVAILABLE')
    mkdirSync(folder)
    expect(await backend.queue.push([job()])).toMatchObject([{ status: 'created' }])
  })

  it('a lock held too long: the caller is told, and the next call works', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const backend = backendOn(path)
    await backend.open()
    const handle = openHandle(path)
    onTestFinished(() => handle.close())
    handle.exec('BEGIN IMMEDIATE')
    expect(await codeOf(() => backend.queue.push([job()]))).toBe('STORE_LOCKED')
    expect(await backend.ledger.list({ limit: 10 })).toEqual({ jobs: [], next: null })
    handle.exec('ROLLBACK')
    expect(await backend.queue.push([job()])).toMatchObject([{ status: 'created' }])
  })

  it('a schema from a newer version', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const first = sqlite(path)
    await first.open()
    await first.close()
    const handle = openHandle(path)
    handle.exec("INSERT INTO kerja_migrations (version, name, applied_at) VALUES (999, 'from the future', 0)")
    handle.close()
    const backend = backendOn(path)
    expect(await codeOf(() => backend.open())).toBe('STORE_VERSION')
    expect(await codeOf(() => backend.migrate({ apply: false }))).toBe('STORE_VERSION')
  })

  // Only root can mount a small disk; continuous integration is root, so this is never left out there.
  it.skipIf(!isRoot)('a full disk: new jobs are refused, workers finish theirs, and space is all it takes to go on', async () => {
    const folder = temporaryFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder])
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
    const backend = backendOn(join(folder, 'jobs.db'))
    const worker = registration()
    await backend.coordination.registerWorker(worker)
    const payload = JSON.stringify('x'.repeat(20_000))
    let stored = 0
    let code: string | undefined
    while (code === undefined) {
      const result = await backend.queue.push(jobs(20, { payload })).catch((error: { code: string }) => error)
      if (Array.isArray(result)) stored += result.length
      else code = (result as { code: string }).code
    }
    expect(code).toBe('STORE_FULL')

    let done = 0
    for (;;) {
      const { jobs: claimed } = await backend.queue.claim(claimRequest(worker.id))
      if (claimed.length === 0) break
      const ends = claimed.map((lease) => ({ lease, outcome: 'complete', result: '"done"', retentionMs: 0, enqueue: [] }) as const)
      expect(await backend.queue.settle(ends)).toEqual(claimed.map(() => 'settled'))
      done += claimed.length
    }
    expect(done).toBe(stored)

    while ((await backend.ledger.prune({ limit: 100 })) === 100);
    execFileSync('mount', ['-o', 'remount,size=32m', folder])
    await expect.poll(() => backend.queue.push([job()]).then(([result]) => result?.status, String)).toBe('created')
  })

  it.skipIf(!isRoot)('a full disk: a worker that cannot start is told why', async () => {
    const folder = temporaryFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder])
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
    const path = join(folder, 'jobs.db')
    const backend = backendOn(path)
    await backend.open()
    const kerja = new Kerja({ backend, logger: 'silent' })
    onTestFinished(() => kerja.close())
    rmSync(`${path}-kerja-reserve`)
    fillDisk(join(folder, 'ballast'))
    const handler = defineJob({ kind: 'test.kind', payload: type() }).handle(() => undefined)
    const worker = kerja.worker({ handlers: [handler] })
    const full = { code: 'STORE_FULL', message: expect.stringMatching(/Free (some|space)/) }
    await expect(worker.start()).rejects.toMatchObject(full)
    // Registered where there was still room, its heartbeat has none.
    const registered = { ...backend, coordination: { ...(backend.coordination ?? expect.fail()), registerWorker: async () => undefined } }
    const another = new Kerja({ backend: registered, logger: 'silent' })
    onTestFinished(() => another.close())
    await expect(another.worker({ handlers: [handler] }).start()).rejects.toMatchObject(full)
    const { config, module } = backend.queue.heartbeat as Extract<HeartbeatSource, { kind: 'thread' }>
    const { openHeartbeat } = (await import(module)) as HeartbeatModule
    expect(await codeOf(() => openHeartbeat(config, 'worker-1'))).toBe('STORE_FULL')
  })

  it('an index that was dropped by hand: a worker does not start, and says why', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const kerja = new Kerja({ backend: backendOn(path), logger: 'silent' })
    onTestFinished(() => kerja.close())
    const noop = defineJob({ kind: 'test.noop', payload: type<object>() })
    await kerja.enqueue(noop, {})
    const handle = openHandle(path)
    handle.exec('DROP INDEX kerja_jobs_running')
    handle.close()
    await expect(kerja.worker({ handlers: [noop.handle(() => undefined)] }).start()).rejects.toThrow('kerja_jobs_running')
  })

  it('a backend that is closed while beats begin closes at once', async () => {
    const backend = backendOn(join(temporaryFolder(), 'jobs.db'))
    await backend.open()
    const worker = registration()
    await backend.coordination.registerWorker(worker)
    const ended: string[] = []
    const keeper = keepLeases(backend, worker, { onStale: (why) => ended.push(why) })
    const started = keeper.start().catch((error: unknown) => error)
    const askedAt = performance.now()
    await backend.close()
    // The limit after which the thread would be ended by force is ten seconds.
    expect(performance.now() - askedAt).toBeLessThan(5_000)
    await started
    expect(ended).toHaveLength(1)
    await keeper.stop()
  })

  it('a journal that a reader kept from being cut is cut afterwards', async () => {
    const path = join(temporaryFolder(), 'jobs.db')
    const backend = backendOn(path)
    await backend.open()
    const reader = openHandle(path)
    onTestFinished(() => reader.close())
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) AS count FROM kerja_jobs').get()
    const payload = JSON.stringify('x'.repeat(200_000))
    for (let round = 0; round < 20; round += 1) await backend.queue.push(jobs(20, { payload }))
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(64 * 1024 * 1024)
    reader.exec('COMMIT')
    await backend.ledger.prune({ limit: 100 })
    expect(statSync(`${path}-wal`).size).toBe(0)
  })
})
