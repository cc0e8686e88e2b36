// Enqueueing through the public API: receipts, merging, conflicts, and what a backend in trouble does to it.
import { Kerja, type KerjaOptions } from 'kerja'
import { type Backend, createManualClock, type NewJob, type Queue } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import { memory } from 'kerja/memory'
import { afterEach, describe, expect, it } from 'vitest'

const mail = defineJob({ kind: 'mail', payload: type<{ to: string }>() })
const opened: Kerja[] = []
function make(options: KerjaOptions = {}): Kerja {
  const kerja = new Kerja({ backend: memory(), logger: 'silent', ...options })
  opened.push(kerja)
  return kerja
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((kerja) => kerja.close()))
})

/** A memory backend whose push the test replaces. */
function withPush(push: (jobs: readonly NewJob[], queue: Queue) => ReturnType<Queue['push']>): Backend {
  const backend = memory()
  return { ...backend, queue: { ...backend.queue, push: (jobs) => push(jobs, backend.queue) } }
}

describe('receipts', () => {
  it('say which job stands for the request', async () => {
    const kerja = make()
    const receipt = await kerja.enqueue(mail, { to: 'ana@example.com' })
    expect(receipt).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), durability: 'queued', duplicate: false })
    expect(await kerja.jobs.get(mail, receipt.id)).toMatchObject({
      kind: 'mail',
      state: 'available',
      payload: { to: 'ana@example.com' },
      priority: 'normal',
    })
  })

  it('merge by id', async () => {
    const kerja = make()
    const { id } = await kerja.enqueue(mail, { to: 'a' })
    expect(await kerja.enqueue(mail, { to: 'a' }, { id })).toEqual({ id, durability: 'queued', duplicate: true })
  })

  it('merge by idempotency key, and refuse another payload under it', async () => {
    const kerja = make()
    const first = await kerja.enqueue(mail, { to: 'a' }, { idempotencyKey: 'signup-1' })
    expect(await kerja.enqueue(mail, { to: 'a' }, { idempotencyKey: 'signup-1' })).toEqual({ ...first, duplicate: true })
    await expect(kerja.enqueue(mail, { to: 'b' }, { idempotencyKey: 'signup-1' })).rejects.toMatchObject({
      name: 'IdempotencyConflictError',
      code: 'IDEMPOTENCY_CONFLICT',
      jobId: first.id,
    })
    const other = defineJob({ kind: 'other', payload: type<{ to: string }>() })
    expect((await kerja.enqueue(other, { to: 'b' }, { idempotencyKey: 'signup-1' })).duplicate).toBe(false)
  })

  it('follow the unique rule', async () => {
    const kerja = make()
    const unique = (whenTaken: 'skip' | 'replace' | 'reject') =>
      defineJob({ kind: whenTaken, payload: type<{ key: string; n: number }>(), unique: { key: (payload) => payload.key, whenTaken } })
    for (const whenTaken of ['skip', 'replace'] as const) {
      const first = await kerja.enqueue(unique(whenTaken), { key: 'a', n: 1 })
      expect(await kerja.enqueue(unique(whenTaken), { key: 'a', n: 2 })).toEqual({ ...first, duplicate: true })
      expect((await kerja.jobs.get(first.id)).payload).toEqual({ key: 'a', n: whenTaken === 'skip' ? 1 : 2 })
    }
    const first = await kerja.enqueue(unique('reject'), { key: 'a', n: 1 })
    await expect(kerja.enqueue(unique('reject'), { key: 'a', n: 2 })).rejects.toMatchObject({ name: 'UniqueConflictError', jobId: first.id })
  })

  it('debounce: a burst becomes its last member, run once it is quiet', async () => {
    const clock = createManualClock(1_000_000)
    const kerja = make({ backend: memory({ clock }) })
    const sync = defineJob({ kind: 'sync', payload: type<{ user: string; n: number }>(), unique: { key: (payload) => payload.user, debounce: '5s' } })
    const first = await kerja.enqueue(sync, { user: 'u', n: 1 })
    clock.advance(4_000)
    expect(await kerja.enqueue(sync, { user: 'u', n: 2 })).toEqual({ ...first, duplicate: true })
    const job = await kerja.jobs.get(sync, first.id)
    expect(job).toMatchObject({ state: 'scheduled', payload: { user: 'u', n: 2 }, runAt: new Date(1_009_000) })
    expect((await kerja.jobs.list({ kind: 'sync' })).jobs).toHaveLength(1)
  })

  it('are announced', async () => {
    const kerja = make()
    const announced = kerja.events.once('job.enqueued')
    const { id } = await kerja.enqueue(mail, { to: 'a' }, { queue: 'other' })
    expect(await announced).toEqual({ id, kind: 'mail', queue: 'other', duplicate: false })
  })
})

describe('transactions', () => {
  const tx = { prepare: () => ({ all: () => [], run: () => undefined }), exec: () => undefined }

  it('are refused where the backend has none', async () => {
    const kerja = make()
    await expect(kerja.enqueue(mail, { to: 'a' }, { tx })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(kerja.enqueueMany([mail.with({ to: 'a' })], { tx })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(() => kerja.enqueueSync(mail, { to: 'a' }, { tx })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })

  it('are handed on, alone and synchronously', async () => {
    const backend = memory()
    const calls: unknown[] = []
    const answer = (jobs: readonly NewJob[], options: { readonly tx?: unknown } | undefined) => {
      calls.push([jobs.map((job) => job.kind), options?.tx === tx])
      return jobs.map(({ id }) => ({ status: 'created', id }) as const)
    }
    const kerja = make({
      backend: { ...backend, queue: { ...backend.queue, push: async (jobs, options) => answer(jobs, options), pushSync: answer } },
    })
    const unopened = () => kerja.enqueueSync(mail, { to: 'a' }, { tx })
    expect(unopened).toThrow(expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('kerja.open()') }))
    await kerja.open()
    expect(kerja.enqueueSync(mail, { to: 'a' }, { tx })).toMatchObject({ durability: 'in-transaction', duplicate: false })
    expect(await kerja.enqueue(mail, { to: 'a' }, { tx })).toMatchObject({ durability: 'in-transaction' })
    expect(() => kerja.enqueueSync(mail, { to: 'a' }, {} as never)).toThrow(expect.objectContaining({ code: 'TRANSACTION_INVALID' }))
    expect(calls).toEqual([
      [['mail'], true],
      [['mail'], true],
    ])
  })
})

describe('a backend in trouble', () => {
  it('that does not answer makes a coded timeout, and enqueueing again with the id merges', async () => {
    let hang = true
    const kerja = make({
      enqueueTimeout: 30,
      backend: withPush(async (jobs, queue) => {
        const results = await queue.push(jobs)
        return hang ? new Promise(() => undefined) : results
      }),
    })
    const error = await kerja.enqueue(mail, { to: 'a' }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ENQUEUE_TIMEOUT', jobId: expect.any(String) })
    hang = false
    expect(await kerja.enqueue(mail, { to: 'a' }, { id: error.jobId })).toMatchObject({ id: error.jobId, duplicate: true })
    expect((await kerja.jobs.list()).jobs).toHaveLength(1)
  })

  it('that cannot be opened is tried again by the next call', async () => {
    const backend = memory()
    let failures = 1
    const kerja = make({
      backend: {
        ...backend,
        open: async () => {
          if (failures-- > 0) throw Object.assign(new Error('away'), { code: 'X' })
          await backend.open()
        },
      },
    })
    await expect(kerja.enqueue(mail, { to: 'a' })).rejects.toThrow('away')
    await expect(kerja.enqueue(mail, { to: 'a' })).resolves.toMatchObject({ duplicate: false })
  })

  it('that refuses one row stores the others', async () => {
    const kerja = make({
      backend: withPush(async (jobs, queue) => {
        if (jobs.some((job) => job.payload.includes('poison'))) throw new Error('constraint')
        return queue.push(jobs)
      }),
    })
    const settled = await Promise.allSettled(['a', 'poison', 'b', 'c'].map((to) => kerja.enqueue(mail, { to })))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect((await kerja.jobs.list()).jobs).toHaveLength(3)
  })
})

describe('closing', () => {
  it('lets enqueues under way end, and refuses later calls', async () => {
    const kerja = make()
    const under = kerja.enqueue(mail, { to: 'a' })
    await kerja.close()
    await expect(under).resolves.toMatchObject({ duplicate: false })
    const refused = { code: 'BACKEND_CLOSED' }
    await expect(kerja.enqueue(mail, { to: 'a' })).rejects.toMatchObject(refused)
    await expect(kerja.enqueueMany([mail.with({ to: 'a' })])).rejects.toMatchObject(refused)
    await expect(kerja.jobs.list()).rejects.toMatchObject(refused)
    await expect(kerja.queues.stats()).rejects.toMatchObject(refused)
    await expect(kerja.open()).rejects.toMatchObject(refused)
    await expect(kerja.migrate()).rejects.toMatchObject(refused)
    await expect(kerja.close()).resolves.toBeUndefined()
  })

  it('needs nothing to have been opened', async () => {
    const kerja = new Kerja({ backend: 'memory:' })
    await kerja.close()
    await expect(kerja.enqueue(mail, { to: 'a' })).rejects.toMatchObject({ code: 'BACKEND_CLOSED' })
  })
})
