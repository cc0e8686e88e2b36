// What a producer sees of a spool that is full or cannot be used: enqueues go on as soon as either side can take them.
import { renameSync, writeFileSync } from 'node:fs'
import { defineJob, type KerjaError, type } from 'kerja'
import { memory } from 'kerja/memory'
import { describe, expect, it } from 'vitest'
import { allJobs, away, openSpoolStage, spoolPath, withOutage } from './support.js'

const plain = defineJob({ kind: 'test.plain', payload: type<{ n: number }>() })

describe('a spool', () => {
  const open = () => ({ outage: withOutage(memory()), path: spoolPath() })

  it('that is full refuses at once and says why, with what the backend said', async () => {
    const { outage, path } = open()
    const { kerja, drained } = openSpoolStage(outage.backend, { path, maxBytes: 1_048_576 })
    outage.error = away()
    const taken: string[] = []
    const payload = { n: 1, text: 'x'.repeat(100_000) } as { n: number }
    const refused: KerjaError[] = []
    for (let n = 0; n < 14; n += 1) {
      const receipt = await kerja.enqueue(plain, payload).catch((error: KerjaError) => void refused.push(error))
      if (receipt !== undefined) taken.push(receipt.id)
    }
    expect(taken.length).toBeGreaterThan(5)
    expect(refused[0]).toMatchObject({ code: 'SPOOL_FULL', details: { maxBytes: 1_048_576, path } })
    await expect(kerja.enqueueMany([plain.with(payload)])).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    outage.error = null
    await drained()
    expect((await allJobs(outage.backend)).map(({ id }) => id).sort()).toEqual(taken.sort())
    expect(await kerja.enqueue(plain, payload)).toMatchObject({ durability: 'queued' })
  })

  it('that cannot be used leaves the error of the backend as the cause', async () => {
    const { outage } = open()
    const { kerja } = openSpoolStage(outage.backend, { path: '/dev/null/spool' })
    expect(await kerja.enqueue(plain, { n: 1 })).toMatchObject({ durability: 'queued' })
    outage.error = away()
    await expect(kerja.enqueue(plain, { n: 1 })).rejects.toMatchObject({
      code: 'SPOOL_UNAVAILABLE',
      message: expect.stringMatching(/\/dev\/null\/spool.*What the backend said: The backend is away/),
      cause: { code: 'BACKEND_UNAVAILABLE' },
      details: { backendError: 'BACKEND_UNAVAILABLE' },
    })
    expect(kerja.spool.stats().state).toBe('unusable')
  })

  it('that is lost in an outage keeps nobody from a backend that is back', async () => {
    const { outage, path } = open()
    const { kerja, seen } = openSpoolStage(outage.backend, { path })
    outage.error = away()
    expect(await kerja.enqueue(plain, { n: 1 })).toMatchObject({ durability: 'spooled' })
    renameSync(path, `${path}-gone`)
    writeFileSync(path, '')
    const before = outage.refusedCount
    const refused = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => kerja.enqueue(plain, { n })))
    expect(refused.map((each) => (each as PromiseRejectedResult).reason.code)).toEqual(Array(20).fill('SPOOL_UNAVAILABLE'))
    // One asks it, and not each.
    expect(outage.refusedCount - before).toBeLessThan(10)
    expect(kerja.spool.stats()).toMatchObject({ state: 'unusable', trouble: { code: 'SPOOL_UNAVAILABLE' } })
    outage.error = null
    expect(await kerja.enqueue(plain, { n: 2 })).toMatchObject({ durability: 'queued' })
    expect(seen('spool.ended').length).toBe(1)
    expect(await kerja.enqueue(plain, { n: 3 })).toMatchObject({ durability: 'queued' })
  })

  it('that is lost in an outage keeps no enqueueMany from a backend that is back either', async () => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path })
    outage.error = away()
    expect(await kerja.enqueue(plain, { n: 1 })).toMatchObject({ durability: 'spooled' })
    renameSync(path, `${path}-gone`)
    writeFileSync(path, '')
    const entries = [plain.with({ n: 1 }), plain.with({ n: 2 })]
    await expect(kerja.enqueueMany(entries)).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    outage.error = null
    expect((await kerja.enqueueMany(entries)).map(({ durability }) => durability)).toEqual(['queued', 'queued'])
  })

  it("shows an outage with mode 'always' as well, and that it is over", async () => {
    const { outage, path } = open()
    const { kerja, until, drained } = openSpoolStage(outage.backend, { path, mode: 'always' })
    outage.error = away()
    await kerja.enqueue(plain, { n: 1 })
    await until('spool.trouble')
    expect(kerja.spool.stats()).toMatchObject({ state: 'spooling', trouble: { code: 'BACKEND_UNAVAILABLE' } })
    outage.error = null
    await drained()
    expect(kerja.spool.stats()).toMatchObject({ state: 'ready', trouble: null })
  })
})
