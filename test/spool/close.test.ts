// What becomes of spooled jobs when their Kerja is closed.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineJob, type } from 'kerja'
import { memory } from 'kerja/memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allJobs, away, filesOf, openSpoolStage, patchFiles, spoolPath, withOutage } from './support.js'

const plain = defineJob({ kind: 'test.plain', payload: type<{ n: number }>() })

describe('a spool', () => {
  const open = () => ({ outage: withOutage(memory()), path: spoolPath() })

  it('keeps its jobs over close, and the next start drains them', async () => {
    const { outage, path } = open()
    const first = openSpoolStage(outage.backend, { path })
    outage.error = away()
    const receipts = await Promise.all([1, 2, 3].map((n) => first.kerja.enqueue(plain, { n })))
    await first.kerja.close()
    expect(filesOf(path).length).toBe(1)
    const store = memory()
    onTestFinished(() => store.close())
    const next = openSpoolStage(store, { path })
    await next.kerja.open()
    await next.drained()
    expect((await allJobs(store)).map(({ id }) => id)).toEqual(receipts.map(({ id }) => id))
  })

  it.each(['outage', 'always'] as const)('takes nothing after close, with mode %s', async (mode) => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path, mode })
    await kerja.open()
    outage.error = away()
    await kerja.enqueue(plain, { n: 1 })
    await kerja.close()
    await expect(kerja.enqueue(plain, { n: 2 })).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
    expect((await readFile(join(path, filesOf(path)[0] as string), 'utf8')).split('\n').length).toBe(2)
  })

  it('is drained by close when the backend answers', async () => {
    const store = memory()
    const path = spoolPath()
    const { kerja } = openSpoolStage({ ...store, close: async () => undefined }, { path, mode: 'always' })
    const receipts = await Promise.all(Array.from({ length: 2_500 }, (_, n) => kerja.enqueue(plain, { n })))
    await kerja.close()
    expect((await allJobs(store)).length).toBe(receipts.length)
    expect(filesOf(path)).toEqual([])
  })

  it('makes nothing after close, when nothing was made before', async () => {
    const { outage, path } = open()
    const { kerja } = openSpoolStage(outage.backend, { path, mode: 'always' })
    const made: unknown[] = []
    patchFiles(
      'mkdir',
      (real) =>
        ((...args: Parameters<typeof real>) => {
          made.push(args[0])
          return real(...args)
        }) as typeof real,
    )
    await kerja.close()
    await expect(kerja.enqueue(plain, { n: 1 })).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
    expect(made).not.toContain(path)
    expect(kerja.spool.stats()).toMatchObject({ jobCount: 0, trouble: null })
  })
})
