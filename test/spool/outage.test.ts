// What a producer sees while its backend is away, and what is there when it is back.
import { defineJob, KerjaError, type } from 'kerja'
import type { Backend } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { gate } from '../support/stage.js'
import { allJobs, away, filesOf, openSpoolStage, spoolPath, withOutage } from './support.js'

const plain = defineJob({ kind: 'test.plain', payload: type<{ n: number }>() })
const doubled = defineJob({ kind: 'test.doubled', payload: type<{ n: number }>(), result: type<number>() })
const keyed = (whenTaken: 'skip' | 'replace' | 'reject', debounce?: '5m') =>
  defineJob({
    kind: 'test.keyed',
    payload: type<{ key: string; n: number }>(),
    unique: { key: (p) => p.key, while: 'waiting', whenTaken, ...(debounce === undefined ? {} : { debounce }) },
  })
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Jobs that were enqueued and the one that stands behind them, by id. */
async function recordsOf(backend: Backend, ids: readonly string[]) {
  return (await backend.ledger.get(ids)).map((record) => {
    if (record === null) throw new Error('a job is missing')
    return record
  })
}

describe.each(BACKENDS)('an outage of $name', ({ open }) => {
  it('spools jobs, and hands each on once, with its id, when it is over', async () => {
    const outage = withOutage(open())
    const { kerja, until, drained, seen } = openSpoolStage(outage.backend, { path: spoolPath() })
    const before = await kerja.enqueue(plain, { n: 0 })
    expect(before).toMatchObject({ durability: 'queued', duplicate: false })
    outage.error = away()
    const receipts = await Promise.all(Array.from({ length: 50 }, (_, n) => kerja.enqueue(plain, { n })))
    expect(receipts.every(({ durability, duplicate }) => durability === 'spooled' && duplicate === 'unknown')).toBe(true)
    expect(kerja.spool.stats()).toMatchObject({ state: 'spooling', jobCount: 50, asideCount: 0 })
    expect(kerja.spool.stats().oldestAgeMs).toBeGreaterThanOrEqual(0)
    expect(seen('job.spooled').length).toBe(50)
    expect(await until('spool.trouble')).toMatchObject({ error: { code: 'BACKEND_UNAVAILABLE' } })
    expect(kerja.spool.stats().trouble).toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    outage.error = null
    await drained()
    await until('spool.ended')
    expect((await allJobs(outage.backend)).map(({ id, state }) => [id, state]).sort()).toEqual(
      [before, ...receipts].map(({ id }) => [id, 'available']).sort(),
    )
    expect(kerja.spool.stats()).toMatchObject({ state: 'ready', jobCount: 0, oldestAgeMs: null, trouble: null })
    expect(await kerja.enqueue(plain, { n: 1 })).toMatchObject({ durability: 'queued' })
  })

  it('keeps run times, limits and everything else a job was given', async () => {
    const outage = withOutage(open())
    const { kerja, drained } = openSpoolStage(outage.backend, { path: spoolPath() })
    await kerja.open()
    outage.error = away()
    const runAt = new Date(Date.now() + 3 * DAY)
    const receipts = [
      await kerja.enqueue(plain, { n: 1 }, { delay: '1h', startWithin: '2h', giveUpAfter: '3d', priority: 'high', tags: ['a', 'b'], maxAttempts: 3 }),
      await kerja.enqueue(plain, { n: 2 }, { runAt, group: 'tenant 7', queue: 'media' }),
      await kerja.enqueue(plain, { n: 3 }, { startWithin: '2h' }),
    ]
    outage.error = null
    await drained()
    const [delayed, dated, limited] = await recordsOf(
      outage.backend,
      receipts.map(({ id }) => id),
    )
    expect(delayed).toMatchObject({ state: 'scheduled', priority: 1, tags: ['a', 'b'], maxAttempts: 3, attempt: 0, payload: '{"n":1}' })
    const { createdAt = 0 } = delayed ?? {}
    expect([delayed?.runAt, delayed?.startBy, delayed?.giveUpAt]).toEqual([createdAt + HOUR, createdAt + 3 * HOUR, createdAt + 3 * DAY])
    expect(dated).toMatchObject({ runAt: runAt.getTime(), group: 'tenant 7', queue: 'media' })
    expect(limited?.startBy).toBe((limited?.createdAt ?? 0) + 2 * HOUR)
  })

  it('compares idempotency keys when it is over', async () => {
    const outage = withOutage(open())
    const { kerja, drained } = openSpoolStage(outage.backend, { path: spoolPath() })
    const standing = await kerja.enqueue(plain, { n: 1 }, { idempotencyKey: 'stands' })
    outage.error = away()
    const repeated = await kerja.enqueue(plain, { n: 1 }, { idempotencyKey: 'stands' })
    const [first, second] = [
      await kerja.enqueue(plain, { n: 2 }, { idempotencyKey: 'fresh' }),
      await kerja.enqueue(plain, { n: 2 }, { idempotencyKey: 'fresh' }),
    ]
    const other = await kerja.enqueue(plain, { n: 3 }, { idempotencyKey: 'stands' })
    outage.error = null
    await drained()
    const records = await recordsOf(outage.backend, [repeated.id, first.id, second.id, other.id])
    expect(records.map(({ state, reason }) => [state, reason])).toEqual([
      ['cancelled', `superseded by ${standing.id}`],
      ['available', null],
      ['cancelled', `superseded by ${first.id}`],
      ['available', null],
    ])
    expect(await kerja.enqueue(plain, { n: 2 }, { idempotencyKey: 'fresh' })).toMatchObject({ id: first.id, duplicate: true })
  })

  it('decides unique keys by their policy when it is over', async () => {
    const outage = withOutage(open())
    const { kerja, drained } = openSpoolStage(outage.backend, { path: spoolPath() })
    const [skip, replace, debounce] = [keyed('skip'), keyed('replace'), keyed('replace', '5m')]
    const holders = [
      await kerja.enqueue(skip, { key: 'skip', n: 0 }),
      await kerja.enqueue(replace, { key: 'replace', n: 0 }, { delay: '1h' }),
      await kerja.enqueue(debounce, { key: 'debounce', n: 0 }),
    ]
    outage.error = away()
    const spooled = [
      await kerja.enqueue(skip, { key: 'skip', n: 1 }),
      await kerja.enqueue(replace, { key: 'replace', n: 1 }, { delay: '2h' }),
      await kerja.enqueue(debounce, { key: 'debounce', n: 1 }),
    ]
    const fresh = [await kerja.enqueue(replace, { key: 'fresh', n: 1 }), await kerja.enqueue(replace, { key: 'fresh', n: 2 })]
    outage.error = null
    await drained()
    const [skipped, replaced, debounced] = await recordsOf(
      outage.backend,
      holders.map(({ id }) => id),
    )
    const losers = await recordsOf(
      outage.backend,
      spooled.map(({ id }) => id),
    )
    expect(losers.map(({ state, reason }) => [state, reason])).toEqual(holders.map(({ id }) => ['cancelled', `superseded by ${id}`]))
    expect(skipped?.payload).toBe('{"key":"skip","n":0}')
    expect([replaced?.payload, replaced?.runAt]).toEqual(['{"key":"replace","n":1}', losers[1]?.runAt])
    expect([debounced?.payload, debounced?.runAt]).toEqual(['{"key":"debounce","n":1}', losers[2]?.runAt])
    const [winner, loser] = await recordsOf(
      outage.backend,
      fresh.map(({ id }) => id),
    )
    expect([winner?.state, winner?.payload, loser?.state]).toEqual(['available', '{"key":"fresh","n":2}', 'cancelled'])
  })

  it.each(['waits', 'has run'])('merges a job whose answer was lost, when it %s meanwhile', async (what) => {
    const store = open()
    let loses = true
    const lossy = withQueue(store, (queue) => ({
      push: async (jobs) => {
        const results = await queue.push(jobs)
        if (loses) throw away()
        return results
      },
    }))
    const { transfer } = withOutage(store).backend
    const ran = gate()
    const late = { ...transfer, accept: async (jobs: Parameters<typeof transfer.accept>[0]) => ran.opened.then(() => transfer.accept(jobs)) }
    const { kerja, drained, until } = openSpoolStage({ ...lossy, transfer: late }, { path: spoolPath() })
    const receipt = await kerja.enqueue(plain, { n: 1 })
    expect(receipt).toMatchObject({ durability: 'spooled', duplicate: 'unknown' })
    loses = false
    let runCount = 0
    if (what === 'has run') {
      const completed = kerja.events.once('job.completed')
      const count = plain.handle(() => {
        runCount += 1
      })
      await kerja.worker({ handlers: [count] }).start()
      await completed
    }
    ran.open()
    expect(await until('spool.drained')).toMatchObject({ accepted: 0, duplicate: 1 })
    await drained()
    expect((await allJobs(store)).map(({ id, state }) => [id, state])).toEqual([[receipt.id, what === 'waits' ? 'available' : 'completed']])
    expect(runCount).toBe(what === 'waits' ? 0 : 1)
  })
})

describe('a spool', () => {
  const open = () => {
    const outage = withOutage(memory())
    const path = spoolPath()
    return { outage, path }
  }

  it('takes what is not answered in time', async () => {
    const store = memory()
    const hanging = withQueue(store, () => ({ push: () => new Promise(() => undefined) }))
    const { kerja, drained } = openSpoolStage(hanging, { path: spoolPath() }, { enqueueTimeout: '50ms' })
    const receipts = await Promise.all([1, 2, 3].map((n) => kerja.enqueue(plain, { n })))
    expect(receipts.map(({ durability }) => durability)).toEqual(['spooled', 'spooled', 'spooled'])
    await drained()
    expect((await allJobs(store)).map(({ id }) => id).sort()).toEqual(receipts.map(({ id }) => id).sort())
  })

  it('asks the backend no more often because jobs come', async () => {
    const { outage, path } = open()
    const { kerja, until } = openSpoolStage(outage.backend, { path })
    outage.error = away()
    await kerja.enqueue(plain, { n: 0 })
    await until('spool.trouble')
    const before = outage.refusedCount
    for (let n = 0; n < 300; n += 1) await kerja.enqueue(plain, { n })
    expect(outage.refusedCount - before).toBeLessThan(10)
  })

  it('takes no job that must be refused at once, and none in a transaction', async () => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path })
    outage.error = away()
    await expect(kerja.enqueue(keyed('reject'), { key: 'k', n: 1 })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await expect(kerja.enqueue(plain, { n: 1 }, { tx: {} as never })).rejects.toBeInstanceOf(KerjaError)
    await expect(kerja.enqueueMany([plain.with({ n: 1 })], { tx: {} as never })).rejects.toBeInstanceOf(KerjaError)
    expect(kerja.spool.stats().jobCount).toBe(0)
  })

  it('takes nothing that is no outage', async () => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path })
    for (const code of ['VALUE_REFUSED', 'DRIVER_MISSING', 'BACKEND_REQUIRED'] as const) {
      outage.error = new KerjaError(code, 'says the test')
      await expect(kerja.enqueue(plain, { n: 1 })).rejects.toMatchObject({ code })
    }
    expect(kerja.spool.stats()).toMatchObject({ state: 'ready', jobCount: 0 })
  })

  it('takes enqueueMany', async () => {
    const { outage, path } = open()
    const { kerja, drained } = openSpoolStage(outage.backend, { path })
    outage.error = away()
    const entries = Array.from({ length: 1_200 }, (_, n) => (n === 700 ? keyed('skip').with({ key: 'k', n }) : plain.with({ n })))
    const receipts = await kerja.enqueueMany(entries)
    expect(receipts.filter(({ durability }) => durability === 'spooled').length).toBe(1_200)
    outage.error = null
    await drained()
    expect((await allJobs(outage.backend)).length).toBe(1_200)
    outage.error = away()
    await expect(kerja.enqueueMany([plain.with({ n: 1 }), keyed('reject').with({ key: 'k', n: 1 })])).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      details: { failedIndexes: [1], storedCount: 1 },
    })
  })

  it("with mode 'always' takes every job first, and leaves them to the backend when it can take none", async () => {
    const { outage, path } = open()
    const { kerja, drained } = openSpoolStage(outage.backend, { path, mode: 'always' })
    const receipts = [await kerja.enqueue(plain, { n: 1 }), ...(await kerja.enqueueMany([plain.with({ n: 2 })]))]
    expect(receipts.map(({ durability }) => durability)).toEqual(['spooled', 'spooled'])
    await drained()
    expect((await allJobs(outage.backend)).map(({ id }) => id)).toEqual(receipts.map(({ id }) => id))
    expect(await kerja.enqueue(keyed('reject'), { key: 'k', n: 1 })).toMatchObject({ durability: 'queued' })
    const broken = openSpoolStage(outage.backend, { path: '/dev/null/spool', mode: 'always' })
    expect(await broken.kerja.enqueue(plain, { n: 3 })).toMatchObject({ durability: 'queued' })
    expect(await broken.kerja.enqueueMany([plain.with({ n: 4 })])).toMatchObject([{ durability: 'queued' }])
  })

  it('lets no older job replace a newer one', async () => {
    const { outage, path } = open()
    const enqueued = gate()
    const store: Backend = {
      ...outage.backend,
      transfer: {
        ...outage.backend.transfer,
        accept: async (jobs) => {
          if (jobs.some(({ unique }) => unique !== null)) await enqueued.opened
          return outage.backend.transfer.accept(jobs)
        },
      },
    }
    const { kerja, drained, until } = openSpoolStage(store, { path })
    const replace = keyed('replace')
    outage.error = away()
    await kerja.enqueueMany(Array.from({ length: 1_000 }, (_, n) => plain.with({ n })))
    const older = await kerja.enqueue(replace, { key: 'k', n: 1 })
    outage.error = null
    await until('spool.ended')
    // The backend answers, and does not have the older one yet.
    const [other, newer] = [await kerja.enqueue(plain, { n: 0 }), await kerja.enqueue(replace, { key: 'k', n: 2 })]
    expect([other.durability, newer.durability]).toEqual(['queued', 'spooled'])
    enqueued.open()
    await drained()
    expect((await outage.backend.ledger.get([older.id, newer.id])).map((record) => [record?.state, record?.payload])).toEqual([
      ['available', '{"key":"k","n":2}'],
      ['cancelled', '{"key":"k","n":2}'],
    ])
  })

  it('sets aside a job that the backend refuses, and goes on', async () => {
    const { outage, path } = open()
    const { accept } = outage.backend.transfer
    const picky: Backend = {
      ...outage.backend,
      transfer: {
        ...outage.backend.transfer,
        accept: async (jobs) => {
          if (jobs.some(({ payload }) => payload === '{"n":13}')) throw new KerjaError('VALUE_REFUSED', 'No thirteen.')
          return accept(jobs)
        },
      },
    }
    const { kerja, until, drained } = openSpoolStage(picky, { path })
    outage.error = away()
    const receipts = await Promise.all([11, 12, 13, 14, 15].map((n) => kerja.enqueue(plain, { n })))
    outage.error = null
    const aside = await until('spool.aside')
    expect(aside).toMatchObject({ reason: 'refused', jobId: receipts[2]?.id, error: { code: 'VALUE_REFUSED' } })
    await drained()
    expect((await allJobs(outage.backend)).length).toBe(4)
    expect(filesOf(path).filter((file) => file.endsWith('.refused'))).toEqual([`${receipts[2]?.id}.refused`])
  })

  it('lets a result be awaited before the backend has the job', async () => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path })
    const worker = kerja.worker({ handlers: [doubled.handle(({ n }) => n * 2)] })
    await worker.start()
    outage.error = away()
    const { id } = await kerja.enqueue(doubled, { n: 21 })
    const result = kerja.result(doubled, id)
    await expect(kerja.jobs.get(id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    outage.error = null
    expect(await result).toBe(42)
    await expect(kerja.result(plain, '0199aaaa-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  })
})
