/** From stored payload to handler: what does not parse is held, visible and unburned; versions are respected. */
import { defineJob, type } from 'kerja/define'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BACKENDS } from '../support/backends.js'
import { withQueue } from '../support/faults.js'
import { openStage } from '../support/stage.js'

/** What an older or careless producer enqueues: anything. */
const loose = (version = 1) => defineJob({ kind: 'test.job', version, payload: type<unknown>() })
const strict = defineJob({ kind: 'test.job', payload: z.object({ n: z.coerce.number<number>() }), result: type<number>(), maxAttempts: 1 })

describe.each(BACKENDS)('payloads on $name', ({ open }) => {
  it('a payload that does not match the schema is held with why, and burns nothing', async () => {
    const stage = openStage(open())
    await stage.work(strict.handle(({ n }) => n))
    const { id } = await stage.kerja.enqueue(loose(), { n: 'x' })
    expect(await stage.until('job.held', id)).toMatchObject({ reason: 'invalid', failure: { code: 'PAYLOAD_INVALID' } })
    const held = await stage.kerja.jobs.get(id)
    expect(held).toMatchObject({ holdReason: 'invalid', state: 'available', attempt: 0, payload: { n: 'x' }, failure: { code: 'PAYLOAD_INVALID' } })
    expect(held.failure?.message).toContain('payload.n: ')
    // Neighbours go on, and the held one is not claimed again.
    expect((await stage.run(strict, { n: 1 })).result).toBe(1)
    expect((await stage.kerja.jobs.get(id)).token).toBe(held.token)
  })

  it('a payload that is not readable at all is held', async () => {
    const backend = withQueue(open(), (queue) => ({
      push: (jobs, options) =>
        queue.push(
          jobs.map((job) => ({ ...job, payload: '{"n":' })),
          options,
        ),
    }))
    const stage = openStage(backend)
    await stage.work(strict.handle(({ n }) => n))
    const { id } = await stage.kerja.enqueue(loose(), {})
    await stage.until('job.held', id)
    const held = await stage.kerja.jobs.get(id)
    expect(held).toMatchObject({ holdReason: 'invalid', attempt: 0, payload: undefined, failure: { code: 'PAYLOAD_CORRUPT' } })
    expect(held.payloadError).toContain('not JSON')
  })

  it('a held job runs after its payload was corrected, and after a retry by hand', async () => {
    const stage = openStage(open())
    await stage.work(strict.handle(({ n }) => n))
    const first = await stage.kerja.enqueue(loose(), { n: 'x' })
    await stage.until('job.held', first.id)
    await stage.kerja.jobs.update(strict, first.id, { payload: { n: 3 } })
    expect(await stage.ended(first.id)).toMatchObject({ state: 'completed', attempt: 1, result: 3 })
    const second = await stage.kerja.enqueue(loose(), {})
    await stage.until('job.held', second.id)
    await stage.kerja.jobs.retry(second.id)
    await stage.until('job.held', second.id, 2)
    expect(await stage.kerja.jobs.get(second.id)).toMatchObject({ holdReason: 'invalid', attempt: 0 })
  })

  const broken: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['throws nothing readable', () => Promise.reject(Object.create(null))],
    ['rejects', () => Promise.reject(new Error('no'))],
  ]
  for (const [name, validate] of broken) {
    it(`a schema that ${name} holds the job`, async () => {
      const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: validate as () => { value: unknown } } }
      const stage = openStage(open())
      await stage.work(defineJob({ kind: 'test.job', payload: schema }).handle(() => undefined))
      const { id } = await stage.kerja.enqueue(loose(), {})
      await stage.until('job.held', id)
      expect(await stage.kerja.jobs.get(id)).toMatchObject({ holdReason: 'invalid', attempt: 0 })
    })
  }

  it('the answer of a schema that comes through a thenable is awaited', async () => {
    // A promise of another realm is no instance of this one's.
    const validate = (value: unknown) => ({
      // biome-ignore lint/suspicious/noThenProperty: such promises are what is tested.
      then: (done: (answer: unknown) => void) => void done({ value: { n: (value as { n: number }).n + 1 } }),
    })
    const schema = { '~standard': { version: 1 as const, vendor: 'test', validate: validate as never } }
    const stage = openStage(open())
    await stage.work(defineJob({ kind: 'test.job', payload: schema, result: type<unknown>() }).handle((payload) => payload))
    const { id } = await stage.kerja.enqueue(loose(), { n: 1 })
    expect((await stage.ended(id)).result).toEqual({ n: 2 })
  })

  it('a newer version is left alone until a worker knows it', async () => {
    const stage = openStage(open())
    await stage.work(defineJob({ kind: 'test.job', payload: type<unknown>(), version: 2 }).handle(() => undefined))
    const newer = await stage.kerja.enqueue(loose(3), {})
    // Enqueued later and completed: the newer one has been passed over.
    const current = await stage.kerja.enqueue(loose(2), {})
    await stage.ended(current.id)
    expect(await stage.kerja.jobs.get(newer.id)).toMatchObject({ state: 'available', holdReason: 'no-worker', token: 0, attempt: 0 })
    await stage.work(defineJob({ kind: 'test.job', payload: type<unknown>(), version: 3 }).handle(() => undefined))
    expect((await stage.ended(newer.id)).state).toBe('completed')
  })

  const v3 = (upgrade: (old: Readonly<Record<string, unknown>>, from: number) => unknown) =>
    defineJob({ kind: 'test.job', payload: z.object({ height: z.number(), from: z.number() }), result: type<unknown>(), version: 3, upgrade })

  it('older versions are upgraded, current ones are not', async () => {
    const stage = openStage(open())
    await stage.work(v3((old, from) => ({ ...old, from })).handle((payload) => payload))
    const jobs = await Promise.all([1, 2, 3].map((version) => stage.kerja.enqueue(loose(version), { height: 720, from: 0 })))
    const ended = await Promise.all(jobs.map(({ id }) => stage.ended(id)))
    expect(ended.map(({ result }) => result)).toEqual([1, 2, 0].map((from) => ({ height: 720, from })))
  })

  it('an asynchronous upgrade is awaited', async () => {
    const stage = openStage(open())
    await stage.work(v3(async (old, from) => ({ ...old, from })).handle((payload) => payload))
    const { id } = await stage.kerja.enqueue(loose(1), { height: 720 })
    await Promise.race([stage.until('job.held', id), stage.ended(id)])
    expect(await stage.kerja.jobs.get(id)).toMatchObject({ state: 'completed', result: { height: 720, from: 1 } })
  })

  const upgrades: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('cannot')
      },
    ],
    [
      'throws nothing readable',
      () => {
        throw Object.create(null)
      },
    ],
    ['rejects', () => Promise.reject(new Error('cannot'))],
  ]
  for (const [name, upgrade] of upgrades) {
    it(`an upgrade that ${name} holds the job`, async () => {
      const stage = openStage(open())
      await stage.work(v3(upgrade).handle(() => undefined))
      const { id } = await stage.kerja.enqueue(loose(1), { height: 720 })
      await stage.until('job.held', id)
      expect(await stage.kerja.jobs.get(id)).toMatchObject({ holdReason: 'invalid', attempt: 0, failure: { code: 'PAYLOAD_VERSION' } })
    })
  }
})
