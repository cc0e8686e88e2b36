// Enqueueing many: order, turns of the event loop, bounded memory, and how far it got when something is wrong.
import { Kerja, type KerjaError } from 'kerja'
import type { Backend, NewJob } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

const count = defineJob({ kind: 'count', payload: z.object({ n: z.number().max(9_999) }) })
const large = defineJob({ kind: 'large', payload: type<string>() })

let kerja: Kerja
afterEach(() => kerja.close())

/** Kerja over a memory backend that counts its writes; `before` may refuse one. */
function make(before: (jobs: readonly NewJob[]) => void = () => undefined) {
  const backend = memory()
  const writes: number[] = []
  const push: Backend['queue']['push'] = async (jobs) => {
    before(jobs)
    writes.push(jobs.length)
    return backend.queue.push(jobs)
  }
  kerja = new Kerja({ backend: { ...backend, queue: { ...backend.queue, push } }, logger: 'silent' })
  return { writes }
}

const stored = async () => (await kerja.queues.stats('default')).counts.available
const numbers = (length: number) => Array.from({ length }, (_, n) => count.with({ n }))
const failure = (promise: Promise<unknown>): Promise<KerjaError> =>
  promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error) => error,
  )

describe('enqueueMany', () => {
  it('gives receipts in order, in slices, with a turn of the event loop between them', async () => {
    const { writes } = make()
    let turns = 0
    let running = true
    const spin = () => {
      turns += 1
      if (running) setImmediate(spin)
    }
    setImmediate(spin)
    const receipts = await kerja.enqueueMany(numbers(9_999))
    running = false
    expect(receipts).toHaveLength(9_999)
    expect(turns).toBeGreaterThanOrEqual(20)
    expect(Math.max(...writes)).toBeLessThanOrEqual(500)
    const sample = await Promise.all([0, 4_321, 9_998].map((index) => kerja.jobs.get(receipts[index]?.id ?? '')))
    expect(sample.map((job) => job.payload)).toEqual([{ n: 0 }, { n: 4_321 }, { n: 9_998 }])
  })

  it('keeps writes near a mebibyte', async () => {
    const { writes } = make()
    await kerja.enqueueMany(Array.from({ length: 20 }, () => large.with('x'.repeat(200_000))))
    expect(Math.max(...writes)).toBeLessThanOrEqual(6)
  })

  it('takes an asynchronous source without running ahead of the store', async () => {
    const { writes } = make()
    let aheadMax = 0
    let given = 0
    async function* source() {
      for (let n = 0; n < 2_000; n++) {
        given += 1
        aheadMax = Math.max(aheadMax, given - writes.reduce((sum, size) => sum + size, 0))
        yield count.with({ n })
      }
    }
    expect(await kerja.enqueueMany(source())).toHaveLength(2_000)
    expect(aheadMax).toBeLessThanOrEqual(1_500)
  })

  it('takes nothing, and any iterable', async () => {
    make()
    expect(await kerja.enqueueMany([])).toEqual([])
    expect(await kerja.enqueueMany(new Set(numbers(3)))).toHaveLength(3)
  })

  it('merges entries among themselves', async () => {
    make()
    const receipts = await kerja.enqueueMany([1, 2, 3].map(() => count.with({ n: 1 }, { idempotencyKey: 'once' })))
    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, true, true])
  })
})

describe('closing', () => {
  it('lets an enqueueMany under way end', async () => {
    const { writes } = make()
    const receipts = kerja.enqueueMany(numbers(3_000))
    await kerja.close()
    expect(await receipts).toHaveLength(3_000)
    expect(writes.reduce((sum, size) => sum + size, 0)).toBe(3_000)
  })

  it('lets an enqueue end whose schema takes its time', async () => {
    const { writes } = make()
    const slow = defineJob({ kind: 'slow', payload: z.number().refine(async (n) => new Promise<boolean>((done) => setImmediate(() => done(n > 0)))) })
    const receipt = kerja.enqueue(slow, 1)
    await kerja.close()
    expect(await receipt).toMatchObject({ durability: 'queued' })
    expect(writes).toEqual([1])
  })
})

describe('a bad entry', () => {
  it('stops before its slice and says how far it got', async () => {
    make()
    const entries = numbers(1_000)
    entries[600] = count.with({ n: 10_000 })
    const error = await failure(kerja.enqueueMany(entries))
    expect(error).toMatchObject({ code: 'PAYLOAD_INVALID', details: { index: 600, nextIndex: 500, storedCount: 500, failedIndexes: [600] } })
    expect(await stored()).toBe(500)
    expect(await kerja.enqueueMany([...entries.slice(500, 600), ...entries.slice(601)])).toHaveLength(499)
    expect(await stored()).toBe(999)
  })

  it.each([
    ['null', null, 'OPTION_INVALID'],
    ['a job without a payload', count, 'OPTION_INVALID'],
    ['text', 'count', 'OPTION_INVALID'],
    ['an entry with tx', { job: count, payload: { n: 1 }, options: { tx: {} } }, 'OPTION_INVALID'],
    ['an entry with an unknown option', { job: count, payload: { n: 1 }, options: { dealy: 1 } }, 'OPTION_UNKNOWN'],
  ])('may be %s', async (_, entry, code) => {
    make()
    expect(await failure(kerja.enqueueMany([count.with({ n: 1 }), entry as never]))).toMatchObject({ code, details: { index: 1, storedCount: 0 } })
    expect(await stored()).toBe(0)
  })

  it.each([['a job'], [undefined], [42], [{}]])('is told from a bad list: %s', async (list) => {
    make()
    expect((await failure(kerja.enqueueMany(list as never))).code).toBe('OPTION_INVALID')
  })

  it('of the source itself ends it with the source’s own error', async () => {
    make()
    async function* source() {
      yield* numbers(600)
      throw new Error('the export broke')
    }
    await expect(kerja.enqueueMany(source())).rejects.toThrow('the export broke')
    expect(await stored()).toBe(500)
  })
})

describe('a failed write', () => {
  it('of one job leaves its neighbours stored', async () => {
    make((jobs) => {
      if (jobs.some((job) => job.payload === '{"n":7}')) throw new Error('constraint')
    })
    const error = await failure(kerja.enqueueMany(numbers(600)))
    expect(error).toMatchObject({ details: { index: 7, nextIndex: 500, storedCount: 499, failedIndexes: [7] } })
    expect(await stored()).toBe(499)
  })

  it('that is a conflict names the job that holds the key', async () => {
    make()
    const once = defineJob({ kind: 'once', payload: type<number>(), unique: { key: () => 'k', whenTaken: 'reject' } })
    const error = await failure(kerja.enqueueMany([once.with(1), once.with(2), count.with({ n: 1 })]))
    expect(error).toMatchObject({
      code: 'UNIQUE_CONFLICT',
      cause: { name: 'UniqueConflictError' },
      details: { index: 1, storedCount: 2, nextIndex: 3 },
    })
  })

  it('of the whole backend stores nothing more', async () => {
    let writesLeft = 1
    make(() => {
      if (writesLeft-- <= 0) throw Object.assign(new Error('away'))
    })
    const error = await failure(kerja.enqueueMany(numbers(1_000)))
    expect(error).toMatchObject({ details: { index: 500, nextIndex: 500, storedCount: 500 } })
    expect(await stored()).toBe(500)
  })
})
