// Who is taken for dead, how soon, and who is not.
import { defineJob, type } from 'kerja/define'
import { postgres } from 'kerja/postgres'
import { expect, it, onTestFinished } from 'vitest'
import { registration } from '../sqlite/support.js'
import { newSchema, postgresUrl, removeLater, temporaryPostgres, withClient } from '../support/postgres.js'
import { startServer } from '../support/postgres-server.js'
import { startWorkerProcess } from '../support/process.js'
import { openStage } from '../support/stage.js'

const job = defineJob({ kind: 'test.job', payload: type<object>() })

it('a killed worker’s job is taken over within 5 seconds', async () => {
  const schema = newSchema()
  const stage = openStage(temporaryPostgres({ schema }))
  const { id } = await stage.kerja.enqueue(job, {})
  const worker = startWorkerProcess({ postgres: { url: postgresUrl(), schema }, mode: 'deaf' })
  await worker.said('running')
  await stage.work(job.handle(() => undefined))
  const killedAt = performance.now()
  worker.child.kill('SIGKILL')
  expect(await stage.until('job.rescued', id)).toMatchObject({ cause: 'death', outcome: 'crash' })
  expect(await stage.ended(id)).toMatchObject({ state: 'completed', crashCount: 1 })
  expect(performance.now() - killedAt).toBeLessThan(5_000)
})

async function liveWorker(url: string) {
  const schema = newSchema()
  removeLater(schema, url)
  const named = new URL(url)
  named.searchParams.set('application_name', schema)
  const backend = postgres({ url: named.href, schema })
  onTestFinished(() => backend.close())
  const worker = registration({ leaseMs: 10_000 })
  await backend.coordination.registerWorker(worker)
  const { heartbeat } = backend.queue
  if (heartbeat.kind !== 'thread') throw new Error('the heartbeat has a module')
  const { openHeartbeat } = await import(heartbeat.module)
  const connection = await openHeartbeat(heartbeat.config, worker.id)
  onTestFinished(() => connection.close())
  expect(await connection.beat()).toEqual({ alive: true, held: [] })
  return { backend, schema, worker, connection }
}

/** The last beat was this long ago, as far as anybody can tell. */
const age = (schema: string, ms: number, url = postgresUrl()) =>
  withClient((client) => client.query(`UPDATE ${schema}.heartbeats SET at = at - ${ms}`), url)

it('a late beat alone is no death while the process holds its lock', async () => {
  const { backend, schema, worker, connection } = await liveWorker(postgresUrl())
  await age(schema, 5_000)
  expect(await backend.coordination.reapWorkers()).toEqual([])
  await connection.close()
  expect(await backend.coordination.reapWorkers()).toEqual([worker.id])
})

it('a beat whose connection was ended connects anew and has the lock again', async () => {
  const { backend, schema, connection } = await liveWorker(postgresUrl())
  await withClient(async (client) => {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [schema])
  })
  let result: unknown
  while (result === undefined) result = await connection.beat().catch(() => undefined)
  expect(result).toEqual({ alive: true, held: [] })
  await age(schema, 5_000)
  expect(await backend.coordination.reapWorkers()).toEqual([])
})

it('after a restart of the server the living have time to beat before anybody is declared dead', async () => {
  const server = await startServer()
  onTestFinished(() => server.destroy())
  const { backend, schema, worker, connection } = await liveWorker(server.url)
  await age(schema, 60_000, server.url)
  await server.stop('immediate')
  await server.start()
  let reaped: readonly string[] | undefined
  while (reaped === undefined) reaped = await backend.coordination.reapWorkers().catch(() => undefined)
  expect(reaped).toEqual([])
  let beat: { readonly alive: boolean } | undefined
  while (beat === undefined) beat = await connection.beat().catch(() => undefined)
  expect(beat?.alive).toBe(true)
  expect((await backend.coordination.workers()).map(({ id, alive }) => [id, alive])).toEqual([[worker.id, true]])
})
