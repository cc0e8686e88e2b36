// The schema comes to be once, whoever is first, under any name, and by whoever may make it.
import { postgres } from 'kerja/postgres'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeOf, job } from '../sqlite/support.js'
import { newSchema, postgresUrl, removeLater, temporaryPostgres, withClient } from '../support/postgres.js'

describe('the schema', () => {
  it('is made once by many that start together', async () => {
    const schema = newSchema()
    const backends = Array.from({ length: 8 }, () => temporaryPostgres({ schema }))
    await Promise.all(backends.map((backend) => backend.open()))
    for (const backend of backends) expect(await backend.migrate({ apply: false })).toEqual([])
  })

  it('is shown before it is made, as statements that can be run by hand', async () => {
    const schema = newSchema()
    const backend = temporaryPostgres({ schema })
    const steps = await backend.migrate({ apply: false })
    expect(steps[0]?.version).toBe(1)
    await withClient(async (client) => {
      expect((await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])).rows).toEqual([])
      await client.query('BEGIN')
      for (const statement of steps.flatMap(({ statements }) => statements)) await client.query(statement)
      await client.query('COMMIT')
    })
    expect(await backend.migrate({ apply: true })).toEqual([])
    expect(await backend.queue.push([job()])).toMatchObject([{ status: 'created' }])
  })

  it('of an earlier version goes on with the jobs that are in it', async () => {
    const schema = newSchema()
    const backend = temporaryPostgres({ schema })
    const [first, ...later] = await backend.migrate({ apply: false })
    await withClient(async (client) => {
      for (const statement of first?.statements ?? []) await client.query(statement)
      const lane = (await client.query(`SELECT ${schema}.lane_1('default', 'test.job', 1) AS id`)).rows[0].id
      await client.query(`SELECT ${schema}.push_1(NULL, '{00000000-0000-7000-8000-000000000001}', '{${lane}}', '{2}', '{10}', '{}', NULL)`)
    })
    expect((await backend.migrate({ apply: true })).map(({ version }) => version)).toEqual(later.map(({ version }) => version))
    const pushed = job()
    expect(await backend.queue.push([pushed])).toMatchObject([{ status: 'created' }])
    expect((await backend.ledger.list({ limit: 10 })).jobs.map(({ id }) => id)).toEqual([pushed.id, '00000000-0000-7000-8000-000000000001'])
  })

  it.each(['with "quotes"', "it's", 'a.b', '$$', 'back\\slash', 'Groß', 'x'.repeat(63), '?:%s'])('may be named %j', async (name) => {
    const schema = name.length === 63 ? name : `${newSchema()}${name}`
    const backend = temporaryPostgres({ schema })
    await backend.open()
    expect(await backend.queue.push([job()])).toMatchObject([{ status: 'created' }])
    await withClient(async (client) => {
      await client.query('BEGIN')
      expect(await backend.queue.push([job()], { tx: client })).toMatchObject([{ status: 'created' }])
      await client.query('COMMIT')
    })
  })

  it.each(['', 'pg_own', 'information_schema', 'x'.repeat(64), 'a\0b', '\ud800'])('is refused as %j', async (schema) => {
    expect(await codeOf(() => postgres({ url: postgresUrl(), schema }))).toBe('OPTION_INVALID')
  })

  it('of a newer Kerja is used while that says that older ones may', async () => {
    const schema = newSchema()
    await temporaryPostgres({ schema }).open()
    const apply = (oldest: number) =>
      withClient((client) =>
        client.query(
          `INSERT INTO ${schema}.migrations (version, name, oldest_known) VALUES (99, 'of the future', ${oldest}) ON CONFLICT (version) DO UPDATE SET oldest_known = excluded.oldest_known`,
        ),
      )
    await apply(1)
    await temporaryPostgres({ schema }).open()
    await apply(99)
    await expect(temporaryPostgres({ schema }).open()).rejects.toMatchObject({ code: 'STORE_VERSION' })
  })

  it('that is missing something says so', async () => {
    const schema = newSchema()
    const backend = temporaryPostgres({ schema })
    await backend.open()
    await withClient((client) => client.query(`DROP TABLE ${schema}.workers CASCADE`))
    await expect(backend.coordination.workers()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })

  it('is not made by a user who may not', async () => {
    const schema = newSchema()
    removeLater(schema)
    const role = `${schema}_role`
    await withClient((client) => client.query(`CREATE ROLE ${role} LOGIN`))
    onTestFinished(async () => {
      await withClient((client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
    })
    const url = new URL(postgresUrl())
    url.username = role
    const backend = postgres({ url: url.href, schema })
    onTestFinished(() => backend.close())
    await expect(backend.open()).rejects.toMatchObject({ code: 'STORE_DENIED' })
  })
})
