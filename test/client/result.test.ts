// Awaiting and watching jobs that a worker of the same process runs.
import { type JobDefinition, Kerja, type Receipt, type WatchEvent } from 'kerja'
import type { Backend } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

type Order = { do: 'return' | 'fail' | 'cancel' | 'wait' | 'odd' }
const work = defineJob({ kind: 'work', payload: type<Order>(), result: z.object({ at: z.coerce.date() }), maxAttempts: 1 })
const silent = defineJob({ kind: 'silent', payload: type<number>() })

let kerja: Kerja
let release: () => void = () => undefined
let reads: number[] = []
const none = '00000000-0000-7000-8000-000000000000'

/** Kerja with a worker over a memory backend that notes how many jobs each read asks for. */
async function start(): Promise<void> {
  const backend: Backend = memory()
  reads = []
  const get: Backend['ledger']['get'] = (ids) => {
    reads.push(ids.length)
    return backend.ledger.get(ids)
  }
  kerja = new Kerja({ backend: { ...backend, ledger: { ...backend.ledger, get } }, logger: 'silent' })
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const handlers = [
    work.handle(async (payload, ctx) => {
      if (payload.do === 'fail') return ctx.fail('no such video')
      if (payload.do === 'cancel') return ctx.cancel('not needed')
      if (payload.do === 'odd') return { at: 'no date' as never }
      if (payload.do === 'wait') {
        ctx.log.info('waiting')
        ctx.progress(0.5, 'half')
        await gate
        ctx.log.warn('going on')
      }
      return { at: '2026-01-01T00:00:00Z' as never }
    }),
    silent.handle(() => undefined),
  ]
  await kerja.worker({ handlers, concurrency: 100 }).start()
}
afterEach(() => {
  release()
  return kerja.close()
})

const enqueue = (order: Order['do']): Promise<Receipt> => kerja.enqueue(work, { do: order })

describe('result', () => {
  it('is parsed by the job’s schema', async () => {
    await start()
    const { id } = await enqueue('return')
    expect(await kerja.result(work, id)).toEqual({ at: new Date('2026-01-01T00:00:00Z') })
    const nothing = await kerja.enqueue(silent, 1)
    expect(await kerja.result(silent, nothing.id)).toBeUndefined()
  })

  it('of a job that failed, was cancelled or returned nonsense is an error', async () => {
    await start()
    const end = async (order: Order['do']) => kerja.result(work, (await enqueue(order)).id).catch((error) => error)
    expect(await end('fail')).toMatchObject({ name: 'JobFailedError', code: 'JOB_FAILED' })
    expect(await end('cancel')).toMatchObject({ name: 'JobCancelledError', code: 'JOB_CANCELLED', reason: 'not needed' })
    expect(await end('odd')).toMatchObject({ code: expect.stringMatching(/JOB_FAILED|RESULT_INVALID/) })
  })

  it('of an unknown job, of another kind and of nonsense is refused', async () => {
    await start()
    const { id } = await enqueue('return')
    await expect(kerja.result(work, none)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    await expect(kerja.result(silent, id)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(kerja.result(work, 'x')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(kerja.result(work, id, { timeuot: 1 } as never)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' })
    await expect(kerja.result(work, id, { timeout: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(kerja.result(work, id, { signal: {} as never })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('not there in time is an error, and a timeout over 24 days does not fire at once', async () => {
    await start()
    const { id } = await enqueue('wait')
    await expect(kerja.result(work, id, { timeout: 20 })).rejects.toMatchObject({ name: 'ResultTimeoutError', jobId: id })
    const patient = kerja.result(work, id, { timeout: '60d' })
    release()
    await expect(patient).resolves.toBeDefined()
  })

  it('stops waiting when its signal aborts', async () => {
    await start()
    const { id } = await enqueue('wait')
    const reason = new Error('the client went away')
    const controller = new AbortController()
    const waiting = kerja.result(work, id, { signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(kerja.result(work, id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('of many jobs is read in common', async () => {
    await start()
    const receipts = await kerja.enqueueMany(Array.from({ length: 50 }, () => work.with({ do: 'wait' })))
    const results = Promise.all(receipts.map(({ id }) => kerja.result(work, id)))
    release()
    expect(await results).toHaveLength(50)
    expect(Math.max(...reads)).toBe(50)
    expect(reads.length).toBeLessThan(20)
  })

  it('ends with BACKEND_CLOSED when Kerja is closed', async () => {
    await start()
    const { id } = await kerja.enqueue(work, { do: 'return' }, { delay: '1h' })
    const waiting = kerja.result(work, id)
    waiting.catch(() => undefined)
    await kerja.close()
    await expect(waiting).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
  })
})

describe('watch', () => {
  const show = (event: WatchEvent): string =>
    event.type === 'state'
      ? event.job.state
      : event.type === 'log'
        ? `${event.line.level}: ${event.line.message}`
        : `progress ${event.progress.fraction}`

  it('begins with a snapshot and ends with the job', async () => {
    await start()
    const { id } = await enqueue('wait')
    const seen: string[] = []
    for await (const event of kerja.watch(work, id)) {
      seen.push(show(event))
      if (event.type === 'progress') release()
    }
    expect(seen.at(0)).toMatch(/available|running/)
    expect(seen.at(-1)).toBe('completed')
    expect(seen).toEqual(expect.arrayContaining(['info: waiting', 'progress 0.5', 'warn: going on']))
    expect(seen.indexOf('info: waiting')).toBeLessThan(seen.indexOf('warn: going on'))
  })

  it('of an ended job is its snapshot and its lines', async () => {
    await start()
    release()
    const { id } = await enqueue('wait')
    await kerja.result(work, id)
    const seen: string[] = []
    for await (const event of kerja.watch(work, id)) {
      seen.push(show(event))
      if (event.type === 'state') expect(event.job.result).toEqual({ at: new Date('2026-01-01T00:00:00Z') })
    }
    expect(seen).toEqual(['completed', 'info: waiting', 'warn: going on'])
  })

  it('throws for unknown jobs and when its signal aborts', async () => {
    await start()
    const { id } = await enqueue('wait')
    await expect(drain(work, none)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    await expect(drain(silent, id)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    const controller = new AbortController()
    const reason = new Error('enough')
    const watching = drain(work, id, controller.signal, () => controller.abort(reason))
    await expect(watching).rejects.toBe(reason)
  })

  it('may be left at any time', async () => {
    await start()
    const { id } = await enqueue('wait')
    for await (const event of kerja.watch(work, id)) if (event.type === 'state') break
    const before = reads.length
    await new Promise((resolve) => setImmediate(resolve))
    expect(reads.length).toBe(before)
  })
})

// biome-ignore lint/suspicious/noExplicitAny: any job will do.
async function drain(job: JobDefinition<string, any, any, any, any, string>, id: string, signal?: AbortSignal, onEvent?: () => void): Promise<void> {
  for await (const _ of kerja.watch(job, id, signal === undefined ? {} : { signal })) onEvent?.()
}
