// Work in the caller's own transaction: what is refused before anything is written, and when workers hear of what was committed.
import { Kerja } from 'kerja'
import type { Backend } from 'kerja/backend'
import { defineJob, type } from 'kerja/define'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimRequest, job, registration } from '../sqlite/support.js'
import { newSchema, postgresUrl, temporaryPostgres, withClient } from '../support/postgres.js'

async function openStore(): Promise<{ readonly backend: Backend; readonly schema: string }> {
  const schema = newSchema()
  const backend = temporaryPostgres({ schema })
  await backend.open()
  return { backend, schema }
}

const states = async (backend: Backend, ids: readonly string[]) => (await backend.ledger.get(ids)).map((record) => record?.state)

describe('in a transaction of the caller', () => {
  it('payloads of any content arrive as they are', async () => {
    const { backend } = await openStore()
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text has a placeholder that must stay one.
    const texts = ["it's ?", '\\', 'a \\? b', ':name $1 ${x}', '{"a":"\\u0000"}', 'é 😀 \u2028', `${'\\'.repeat(5)}'`, '%s -- /* "']
    const jobs = texts.map((payload) => job({ payload, group: payload.slice(0, 3), tags: [payload] }))
    await withClient(async (client) => {
      await client.query('BEGIN')
      await backend.queue.push(jobs, { tx: client })
      await client.query('COMMIT')
    })
    const records = await backend.ledger.get(jobs.map(({ id }) => id))
    expect(records.map((record) => record?.payload)).toEqual(texts)
    expect(records.map((record) => record?.tags)).toEqual(texts.map((text) => [text]))
  })

  it('idle workers of other processes hear of the jobs soon after the commit, and not before', async () => {
    const { backend, schema } = await openStore()
    const other = temporaryPostgres({ schema })
    let heardAt = 0
    const ready = new Promise<void>((resolve) => other.queue.listen({ available: resolve }))
    await ready
    const heard = new Promise<void>((resolve) => {
      other.queue.listen({
        available: () => {
          heardAt = performance.now()
          resolve()
        },
      })
    })
    await withClient(async (client) => {
      await client.query('BEGIN')
      await backend.queue.push([job()], { tx: client })
      // Nothing tells of a wake-up that does not come: several looks of the watch fit into this.
      await client.query('SELECT pg_sleep(0.2)')
      expect(heardAt).toBe(0)
      const committedAt = performance.now()
      await client.query('COMMIT')
      await heard
      expect(heardAt - committedAt).toBeLessThan(500)
    })
  })

  it('a transaction left open holds up nobody who pushes to the same new lane', async () => {
    const { backend } = await openStore()
    await withClient(async (client) => {
      await client.query('BEGIN')
      await backend.queue.push([job({ kind: 'never.seen' })], { tx: client })
      expect(await backend.queue.push([job({ kind: 'never.seen' })])).toMatchObject([{ status: 'created' }])
      await client.query('ROLLBACK')
    })
  })

  it('a completion and its next jobs stand and fall with the commit', async () => {
    const { backend } = await openStore()
    await backend.coordination.registerWorker(registration({ id: 'worker-1' }))
    await backend.queue.push([job()])
    const [lease] = (await backend.queue.claim(claimRequest('worker-1'))).jobs
    if (lease === undefined) throw new Error('there is a job to claim')
    const next = job()
    const completion = { lease, outcome: 'complete', result: '1', retentionMs: 60_000, enqueue: [next] } as const
    await withClient(async (client) => {
      for (const [end, expected] of [
        ['ROLLBACK', ['running', undefined]],
        ['COMMIT', ['completed', 'available']],
      ] as const) {
        await client.query('BEGIN')
        expect(await backend.queue.settle([completion], { tx: client })).toEqual(['settled'])
        await client.query(end)
        expect(await states(backend, [lease.jobId, next.id])).toEqual(expected)
      }
    })
  })
})

describe('is refused as `tx`', () => {
  const refusal = async (backend: Backend, tx: unknown) => {
    const each = job()
    const error = await backend.queue.push([each], { tx }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'TRANSACTION_INVALID' })
    expect(await states(backend, [each.id])).toEqual([undefined])
    return (error as Error).message
  }

  it('what is no handle', async () => {
    const { backend } = await openStore()
    for (const tx of [null, 1, 'begin', {}, [], new Map(), () => undefined]) await refusal(backend, tx)
  })

  it('a pool', async () => {
    const { backend } = await openStore()
    const pool = new pg.Pool({ connectionString: postgresUrl() })
    onTestFinished(() => pool.end())
    expect(await refusal(backend, pool)).toContain('pool.connect()')
  })

  it('a client with no transaction open, or one that has ended', async () => {
    const { backend } = await openStore()
    await withClient(async (client) => {
      expect(await refusal(backend, client)).toContain('committed alone')
      await client.query('BEGIN')
      await client.query('COMMIT')
      expect(await refusal(backend, client)).toContain('committed alone')
    })
  })

  it('a transaction that was aborted', async () => {
    const { backend } = await openStore()
    await withClient(async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT 1 / 0').catch(() => undefined)
      expect(await refusal(backend, client)).toContain('aborted')
    })
  })

  it('a transaction that may only read', async () => {
    const { backend } = await openStore()
    await withClient(async (client) => {
      await client.query('BEGIN READ ONLY')
      expect(await refusal(backend, client)).toContain('read-only')
    })
  })

  it('a client that was closed', async () => {
    const { backend } = await openStore()
    const client = new pg.Client({ connectionString: postgresUrl() })
    await client.connect()
    await client.query('BEGIN')
    await client.end()
    expect(await refusal(backend, client)).toContain('cannot be used any more')
  })

  it('a transaction of another database', async () => {
    const { backend, schema } = await openStore()
    const other = `${schema}_other`
    await withClient((client) => client.query(`CREATE DATABASE ${other}`))
    onTestFinished(async () => {
      await withClient((client) => client.query(`DROP DATABASE ${other} WITH (FORCE)`))
    })
    const url = new URL(postgresUrl())
    url.pathname = `/${other}`
    await withClient(async (client) => {
      await client.query('BEGIN')
      expect(await refusal(backend, client)).toContain('another database')
    }, url.href)
  })
})

it('an application enqueues and completes in its own transaction', async () => {
  const backend = temporaryPostgres()
  const kerja = new Kerja({ backend, logger: 'silent' })
  onTestFinished(() => kerja.close())
  const welcome = defineJob({ kind: 'welcome', payload: type<{ to: string }>(), result: type<number>() })
  await kerja.open()
  const worker = kerja.worker({
    handlers: [
      welcome.handle(async ({ to }, ctx) =>
        withClient(async (client) => {
          await client.query('BEGIN')
          const outcome = await ctx.complete(to.length, { tx: client })
          await client.query('COMMIT')
          return outcome
        }),
      ),
    ],
  })
  await worker.start()
  const receipt = await withClient(async (client) => {
    await client.query('BEGIN')
    const enqueued = await kerja.enqueue(welcome, { to: 'ana' }, { tx: client })
    await client.query('COMMIT')
    return enqueued
  })
  expect(receipt.durability).toBe('in-transaction')
  expect(await kerja.result(welcome, receipt.id)).toBe(3)
})
