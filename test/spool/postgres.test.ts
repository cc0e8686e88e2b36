// Outages of a real PostgreSQL: the server gone, the network silent, a connection cut in the midst of things.
import { defineJob, type } from 'kerja'
import { postgres } from 'kerja/postgres'
import { expect, it, onTestFinished } from 'vitest'
import { newSchema, postgresUrl, removeLater, temporaryPostgres } from '../support/postgres.js'
import { startProxy } from '../support/tcp-proxy.js'
import { allJobs, openSpoolStage, spoolPath } from './support.js'

const job = defineJob({ kind: 'test.job', payload: type<{ n: number }>() })

/** A producer whose connections pass a network that the test can break, and a backend that has another way. */
async function openScene(enqueueTimeout: '200ms' | '3s') {
  const schema = newSchema()
  removeLater(schema)
  const around = temporaryPostgres({ schema })
  await around.open()
  const { hostname, port } = new URL(postgresUrl())
  const server = { host: hostname, port: Number(port || 5432) }
  const proxy = await startProxy(server)
  onTestFinished(() => proxy.close())
  const through = new URL(postgresUrl())
  through.hostname = '127.0.0.1'
  through.port = String(proxy.port)
  const stage = openSpoolStage(postgres({ url: through.href, schema }), { path: spoolPath() }, { enqueueTimeout })
  return { around, proxy, server, ...stage }
}

/** Nothing listens there. */
const NOWHERE = { host: '127.0.0.1', port: 1 }

it('through a server that is gone before the first job, and comes', { timeout: 60_000 }, async () => {
  const { around, proxy, server, kerja, drained } = await openScene('3s')
  proxy.lead(NOWHERE)
  const receipts = await Promise.all(Array.from({ length: 20 }, (_, n) => kerja.enqueue(job, { n })))
  expect(receipts.map(({ durability }) => durability)).toEqual(Array(20).fill('spooled'))
  proxy.lead(server)
  await drained()
  expect((await allJobs(around)).map(({ id }) => id).sort()).toEqual(receipts.map(({ id }) => id).sort())
})

it('through a network that goes silent while jobs are written: each is there once', { timeout: 90_000 }, async () => {
  const { around, proxy, kerja, drained, until } = await openScene('200ms')
  await kerja.enqueue(job, { n: -1 })
  const writing = Array.from({ length: 10 }, (_, n) => kerja.enqueue(job, { n }))
  // Sent or not: nobody knows.
  await new Promise<void>((resolve) => setImmediate(resolve))
  proxy.silence()
  const receipts = await Promise.all(writing)
  const later = await Promise.all(Array.from({ length: 100 }, (_, n) => kerja.enqueue(job, { n })))
  expect(later.every(({ durability }) => durability === 'spooled')).toBe(true)
  proxy.heal()
  proxy.cut()
  await drained()
  await until('spool.ended')
  const jobs = await allJobs(around)
  expect(jobs.length).toBe(111)
  const ids = jobs.map(({ id }) => id)
  expect([...receipts, ...later].filter(({ id }) => !ids.includes(id))).toEqual([])
  expect(await kerja.enqueue(job, { n: 0 })).toMatchObject({ durability: 'queued' })
})

it('through connections that are cut again and again while the spool is drained', { timeout: 90_000 }, async () => {
  const { around, proxy, server, kerja, seen, drained, until } = await openScene('3s')
  await kerja.open()
  proxy.lead(NOWHERE)
  proxy.cut()
  const receipts = []
  for (let n = 0; n < 6_000; n += 1_000) receipts.push(...(await kerja.enqueueMany(Array.from({ length: 1_000 }, () => job.with({ n })))))
  proxy.lead(server)
  for (let cut = 1; cut <= 3; cut += 1) {
    await until('spool.drained', () => seen('spool.drained').length >= cut)
    proxy.cut()
  }
  await drained()
  const jobs = await allJobs(around)
  expect(jobs.map(({ id }) => id).sort()).toEqual(receipts.map(({ id }) => id).sort())
})
