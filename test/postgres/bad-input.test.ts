// What PostgreSQL cannot hold, may not do, or finds changed by hand: each is a coded error that says what to do, or a job parked where it can be seen.
// Whatever it is, the job beside it completes and the worker goes on. Transactions of the caller are in transactions.test.ts, names in migrations.test.ts.
import { isKerjaError, Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { postgres } from 'kerja/postgres'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newSchema, postgresUrl, temporaryPostgres, withClient } from '../support/postgres.js'
import { openStage, type Stage } from '../support/stage.js'

const echo = defineJob({ kind: 'test.echo', payload: type<unknown>(), result: type<unknown>(), maxAttempts: 1 })
const good = defineJob({ kind: 'test.good', payload: type<object>() })

const NASTY: readonly (readonly [string, string])[] = [
  ['NUL', 'a\u0000b'],
  ['a lone surrogate', 'a\ud800b'],
  ['a lone low surrogate', '\udfff'],
  ['code points that are no characters', '\uffff\ufffe'],
  ['the separators of our own calls', 'a\u001fb\u001e'],
  ['quotes and escapes', `'"\\'';--$1 ?::text {}`],
  ['an emoji and right-to-left', '😀\u202eabc'],
]

/** A stage on a schema of its own; nothing is opened yet. */
function openSchema(): { readonly stage: Stage; readonly schema: string } {
  const schema = newSchema()
  return { stage: openStage(temporaryPostgres({ schema })), schema }
}

const errorOf = async (call: Promise<unknown>): Promise<Error & { readonly code?: string }> =>
  call.then(
    (value) => Promise.reject(new Error(`no error, but ${JSON.stringify(value)}`)),
    (error: unknown) => error as Error,
  )

describe.each(NASTY)('text with %s', (_name, text) => {
  it('goes through payload, result, group and tags as it is', async () => {
    const { stage } = openSchema()
    await stage.work(echo.handle((payload) => payload))
    const { id } = await stage.kerja.enqueue(echo, { text, [text]: [text] })
    expect(await stage.ended(id)).toMatchObject({ state: 'completed', payload: { text, [text]: [text] }, result: { text, [text]: [text] } })
  })

  it('as a key or a tag is taken as it is, or refused with a coded error that shows it', async () => {
    const { stage } = openSchema()
    for (const options of [{ tags: [text] }, { idempotencyKey: text }]) {
      const first = await stage.kerja.enqueue(echo, {}, options).catch((error: unknown) => error)
      if (isKerjaError(first)) expect(first.code).toBe('OPTION_INVALID')
      else {
        const { id } = first as { readonly id: string }
        const again = await stage.kerja.enqueue(echo, {}, options)
        expect(again.id === id).toBe('idempotencyKey' in options)
        expect(await stage.kerja.jobs.get(id)).toMatchObject('tags' in options ? { tags: [text] } : { id })
      }
    }
  })

  it('in errors, progress and log lines is stored', async () => {
    const { stage } = openSchema()
    const job = defineJob({ kind: 'test.fails', payload: type<object>(), maxAttempts: 1 })
    await stage.work(
      job.handle((_payload, ctx) => {
        ctx.log.info(text)
        ctx.progress(0.5, text)
        throw Object.assign(new Error(text), { code: text })
      }),
    )
    const ended = await stage.run(job)
    const readable = text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd')
    expect(ended).toMatchObject({ state: 'failed', reason: 'attempts', failure: { message: readable } })
    expect((await stage.kerja.jobs.logs(ended.id)).lines.map(({ message }) => message)).toEqual([text])
  })
})

describe('text of 10 MB', () => {
  const huge = 'x'.repeat(10_000_000)

  it('as a payload is refused with the limit and what to do', async () => {
    const { stage } = openSchema()
    const error = await errorOf(stage.kerja.enqueue(echo, huge))
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect(error.message).toMatch(/2097152 bytes.*limit of 262144.*Store the data elsewhere/)
  })

  it('in a log line, an error and a reason is cut short, and the job ends', async () => {
    const { stage } = openSchema()
    await stage.work(
      echo.handle((_payload, ctx) => {
        ctx.log.info(huge)
        return ctx.fail(huge)
      }),
    )
    const ended = await stage.run(echo)
    expect(ended.state).toBe('failed')
    const [line] = (await stage.kerja.jobs.logs(ended.id)).lines
    expect(line?.message.length).toBeLessThan(100_000)
    expect(JSON.stringify(ended).length).toBeLessThan(100_000)
  })
})

describe('a user who lacks a right', () => {
  /** A store made by its owner, and a Kerja of a user who was granted `rights` on it. */
  async function asUser(rights: (schema: string, role: string) => string) {
    const { stage, schema } = openSchema()
    await stage.backend.open()
    const role = `${schema}_role`
    await withClient((client) => client.query(`CREATE ROLE ${role} LOGIN; ${rights(schema, role)}`))
    onTestFinished(() => withClient((client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)).then(() => undefined))
    const url = new URL(postgresUrl())
    url.username = role
    const kerja = new Kerja({ backend: postgres({ url: url.href, schema }), logger: 'silent' })
    onTestFinished(() => kerja.close())
    return { kerja, stage }
  }

  const CASES: readonly (readonly [string, (schema: string, role: string) => string])[] = [
    ['on the schema', () => ''],
    ['on its tables', (schema, role) => `GRANT USAGE ON SCHEMA ${schema} TO ${role}`],
    ['to write to them', (schema, role) => `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`],
  ]
  it.each(CASES)('%s is told so, with the remedy, by enqueue and by a worker', async (_name, rights) => {
    const { kerja } = await asUser(rights)
    const error = await errorOf(kerja.enqueue(good, {}))
    expect(error).toMatchObject({ code: 'STORE_DENIED', message: expect.stringContaining('Grant what') })
    expect(await errorOf(kerja.worker({ handlers: [good.handle(() => undefined)] }).start())).toMatchObject({ code: 'STORE_DENIED' })
  })
})

describe('a table changed by hand', () => {
  const byHand = (schema: string, statement: (schema: string) => string) => withClient((client) => client.query(statement(schema)))

  const PARKED: readonly (readonly [string, (schema: string) => string])[] = [
    ['a payload that is no JSON', (schema) => `UPDATE ${schema}.jobs SET payload = '{"n":'`],
    ['an empty payload', (schema) => `UPDATE ${schema}.jobs SET payload = ''`],
    ['a payload with an unknown tag', (schema) => `UPDATE ${schema}.jobs SET payload = '{"$kerja":"class"}'`],
  ]
  it.each(PARKED)('%s: the job is parked or runs as plain data, its neighbour completes', async (_name, statement) => {
    const { stage, schema } = openSchema()
    const { id } = await stage.kerja.enqueue(echo, { n: 1 })
    await byHand(schema, statement)
    await stage.work(
      echo.handle(() => 'ran'),
      good.handle(() => undefined),
    )
    await Promise.race([stage.until('job.held', id), stage.ended(id)])
    const after = await stage.kerja.jobs.get(id)
    if (after.state !== 'completed') expect(after).toMatchObject({ holdReason: 'invalid', attempt: 0, failure: { code: 'PAYLOAD_CORRUPT' } })
    expect((await stage.run(good)).state).toBe('completed')
  })

  const GONE: readonly (readonly [string, (schema: string) => string])[] = [
    ['its place deleted', (schema) => `DELETE FROM ${schema}.running`],
    ['all of it deleted', (schema) => `DELETE FROM ${schema}.running; DELETE FROM ${schema}.jobs`],
    ['its token raised', (schema) => `UPDATE ${schema}.running SET token = token + 5`],
    ['given to another worker', (schema) => `UPDATE ${schema}.running SET worker = 'somebody'`],
  ]
  it.each(GONE)(
    'a running job with %s: its handler is told, nothing of it is settled as if it were whole, its neighbour completes',
    async (_name, statement) => {
      const { stage, schema } = openSchema()
      let reason: unknown
      await stage.work(
        echo.handle(async (_payload, { signal }) => {
          await byHand(schema, statement)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          reason = signal.reason
          signal.throwIfAborted()
        }),
        good.handle(() => undefined),
      )
      const { id } = await stage.kerja.enqueue(echo, {})
      await stage.until('job.lost', id)
      expect(reason).toMatchObject({ code: 'LEASE_LOST' })
      expect((await stage.run(good)).state).toBe('completed')
    },
  )

  const BROKEN: readonly (readonly [string, string, (schema: string) => string])[] = [
    ['a table dropped', 'STORE_CORRUPT', (schema) => `DROP TABLE ${schema}.waiting CASCADE`],
    ['a column dropped', 'STORE_CORRUPT', (schema) => `ALTER TABLE ${schema}.jobs DROP COLUMN payload CASCADE`],
    ['a rule added', 'VALUE_REFUSED', (schema) => `ALTER TABLE ${schema}.jobs ADD CHECK (payload <> '{}')`],
    ['a table renamed', 'STORE_CORRUPT', (schema) => `ALTER TABLE ${schema}.jobs RENAME TO mine`],
    ['the schema dropped', 'STORE_CORRUPT', (schema) => `DROP SCHEMA ${schema} CASCADE`],
  ]
  it.each(BROKEN)('%s: enqueue throws %s with a remedy, and a worker says so and goes on asking', async (_name, code, statement) => {
    const { stage, schema } = openSchema()
    const worker = await stage.work(good.handle(() => undefined))
    await stage.run(good)
    await withClient((client) => client.query(`SET client_min_messages = 'warning'; ${statement(schema)}`))
    const error = await errorOf(stage.kerja.enqueue(good, {}))
    expect(error).toMatchObject({ code })
    expect(error.message.length).toBeGreaterThan(60)
    expect(worker.state).toBe('running')
    await worker.stop()
  })

  it('a rule that refuses settlements keeps the job until the rule is gone; it then ends with why', async () => {
    const { stage, schema } = openSchema()
    await stage.work(good.handle(() => undefined))
    await stage.run(good)
    await byHand(schema, (name) => `ALTER TABLE ${name}.history ADD CONSTRAINT mine CHECK (finished_at < 0) NOT VALID`)
    const { id } = await stage.kerja.enqueue(good, {})
    await stage.until('worker.trouble')
    expect((await stage.kerja.jobs.get(id)).state).not.toBe('completed')
    await byHand(schema, (name) => `ALTER TABLE ${name}.history DROP CONSTRAINT mine`)
    expect(await stage.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'VALUE_REFUSED' } })
    expect((await stage.run(good)).state).toBe('completed')
  })
})

it('a database that is not there is named, with the remedy', async () => {
  const url = new URL(postgresUrl())
  url.pathname = '/kerja_no_such_database'
  const kerja = new Kerja({ backend: postgres({ url: url.href }), logger: 'silent' })
  onTestFinished(() => kerja.close())
  const error = await errorOf(kerja.enqueue(good, {}))
  expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('/kerja_no_such_database') })
  expect(error.message).toContain('Create it')
})
