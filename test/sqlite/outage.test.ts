// Nobody can beat while somebody else holds the write lock: that is no reason to take the living for dead.
import { join } from 'node:path'
import { createManualClock } from 'kerja/backend'
import { sqlite } from 'kerja/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { keepLeases, openHandle, registration, temporaryFolder } from './support.js'

/** Holds this thread, and so the lock, for real time; the engine waits in its own thread. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

it('a worker whose heartbeat lapsed while the store was locked gets until the next look', async () => {
  const path = join(temporaryFolder(), 'jobs.db')
  const clock = createManualClock(1_000_000)
  const backend = sqlite({ path, clock })
  await backend.open()
  const handle = openHandle(path)
  onTestFinished(async () => {
    handle.close()
    await backend.close()
  })
  const worker = registration()
  await backend.coordination.registerWorker(worker)
  clock.advance(worker.leaseMs + 1)
  handle.exec('BEGIN IMMEDIATE')
  const reaped = backend.coordination.reapWorkers()
  // The call leaves with the next microtask; then the lock is held while it waits.
  await Promise.resolve()
  block(300)
  handle.exec('COMMIT')
  expect(await reaped).toEqual([])
  // Longer than the living need to beat again.
  block(1_000)
  expect(await backend.coordination.reapWorkers()).toEqual([worker.id])
})

it('beats that waited for the lock spare the others of their thread too', async () => {
  const path = join(temporaryFolder(), 'jobs.db')
  const clock = createManualClock(1_000_000)
  const backend = sqlite({ path, clock })
  await backend.open()
  const handle = openHandle(path)
  const [late, beating] = [registration(), registration()]
  for (const worker of [late, beating]) await backend.coordination.registerWorker(worker)
  const keeper = keepLeases(backend, beating, { heartbeatMs: 20 })
  onTestFinished(async () => {
    await keeper.stop()
    handle.close()
    await backend.close()
  })
  await keeper.start()
  clock.advance(late.leaseMs + 1)
  // Only beats ask for the lock meanwhile.
  handle.exec('BEGIN IMMEDIATE')
  block(300)
  handle.exec('COMMIT')
  expect(await backend.coordination.reapWorkers()).toEqual([])
  block(1_000)
  expect(await backend.coordination.reapWorkers()).toEqual([late.id])
})
