// The SQL function for triggers and other languages makes the same jobs as `enqueue`.
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newSchema, temporaryPostgres, withClient } from '../support/postgres.js'

async function open() {
  const schema = newSchema()
  const kerja = new Kerja({ backend: temporaryPostgres({ schema }), logger: 'silent' })
  onTestFinished(() => kerja.close())
  await kerja.open()
  const enqueue = (args: string): Promise<string> =>
    withClient(async (client) => (await client.query(`SELECT ${schema}.enqueue(${args}) AS id`)).rows[0].id as string)
  return { schema, kerja, enqueue }
}

describe('enqueue(…) in SQL', () => {
  it('makes a job that a worker runs', async () => {
    const { kerja, enqueue } = await open()
    const welcome = defineJob({ kind: 'welcome', payload: type<{ to: string }>(), result: type<string>() })
    await kerja.worker({ handlers: [welcome.handle(async ({ to }) => `hello ${to}`)] }).start()
    const id = await enqueue(`kind => 'welcome', payload => '{"to": "it''s \\u00e9"}', wake => true`)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(await kerja.result(welcome, id)).toBe("hello it's é")
  })

  it('has the options of enqueue', async () => {
    const { kerja, enqueue } = await open()
    const id = await enqueue(`'k', '1', queue => 'media', version => 2, priority => 'high', delay => '1 hour', max_attempts => 3,
      job_group => 'g', tags => '{a,"b c"}', unique_key => 'u'`)
    const job = await kerja.jobs.get(id)
    expect(job).toMatchObject({
      kind: 'k',
      queue: 'media',
      version: 2,
      priority: 'high',
      state: 'scheduled',
      maxAttempts: 3,
      group: 'g',
      tags: ['a', 'b c'],
    })
    expect(Number(job.runAt) - Number(job.createdAt)).toBe(3_600_000)
    expect(await enqueue(`'k', '2', unique_key => 'u'`)).toBe(id)
  })

  it('knows idempotency keys, also those that a program used, and refuses a different payload under one', async () => {
    const { kerja, enqueue } = await open()
    const id = await enqueue(`'k', '{"a":1}', idempotency_key => 'once'`)
    expect(await enqueue(`'k', '{"a":1}', idempotency_key => 'once'`)).toBe(id)
    await expect(enqueue(`'k', '{"a":2}', idempotency_key => 'once'`)).rejects.toMatchObject({ code: '23505' })
    const other = await kerja.enqueue(defineJob({ kind: 'j', payload: type<number>() }), 5, { idempotencyKey: 'shared' })
    expect(await enqueue(`'j', '5', idempotency_key => 'shared'`)).toBe(other.id)
  })

  it('is undone with the transaction that calls it, as of a trigger', async () => {
    const { schema, kerja } = await open()
    await withClient(async (client) => {
      await client.query(`CREATE TABLE ${schema}.users (name text)`)
      await client.query(`CREATE FUNCTION ${schema}.on_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM ${schema}.enqueue('welcome', jsonb_build_object('to', NEW.name)); RETURN NEW; END $$`)
      await client.query(`CREATE TRIGGER welcome AFTER INSERT ON ${schema}.users FOR EACH ROW EXECUTE FUNCTION ${schema}.on_user()`)
      for (const end of ['ROLLBACK', 'COMMIT']) {
        await client.query('BEGIN')
        await client.query(`INSERT INTO ${schema}.users VALUES ('ana')`)
        await client.query(end)
      }
    })
    expect((await kerja.jobs.list()).jobs.map(({ kind }) => kind)).toEqual(['welcome'])
  })

  it.each(["'', '1'", "'k', NULL", "'k', '1', priority => 'urgent'", "'k', '1', max_attempts => 0", "'a b', '1'"])('refuses (%s)', async (args) => {
    const { enqueue } = await open()
    await expect(enqueue(args)).rejects.toMatchObject({ code: '22023' })
  })
})
