// Behind a pooler that lends sessions out: no lock proves a life, no wake-up arrives, and all else works.
import { Kerja } from 'kerja'
import { defineJob, type } from 'kerja/define'
import { postgres } from 'kerja/postgres'
import { expect, it, onTestFinished } from 'vitest'
import { registration } from '../sqlite/support.js'
import { newSchema, postgresUrl, removeLater, withClient } from '../support/postgres.js'
import { startProxy } from '../support/tcp-proxy.js'

async function behindPooler() {
  const { hostname, port } = new URL(postgresUrl())
  const proxy = await startProxy({ host: hostname, port: Number(port || 5432), like: 'pooler' })
  onTestFinished(() => proxy.close())
  const schema = newSchema()
  removeLater(schema)
  const url = new URL(postgresUrl())
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const lines: string[] = []
  let told: () => void
  const warned = new Promise<void>((resolve) => {
    told = resolve
  })
  const logger = {
    info: () => undefined,
    warn(line: string) {
      lines.push(line)
      told()
    },
  }
  const backend = postgres({ url: url.href, schema, logger })
  onTestFinished(() => backend.close())
  return { backend, schema, lines, warned }
}

it('says once that wake-ups do not arrive, and works by polling', async () => {
  const { backend, lines, warned } = await behindPooler()
  const kerja = new Kerja({ backend, logger: 'silent' })
  onTestFinished(() => kerja.close())
  const double = defineJob({ kind: 'double', payload: type<number>(), result: type<number>() })
  await kerja.worker({ handlers: [double.handle(async (number) => number * 2)] }).start()
  await warned
  expect(await kerja.result(double, (await kerja.enqueue(double, 21)).id)).toBe(42)
  expect(lines).toEqual([expect.stringContaining('polling instead')])
})

it('a worker is judged by its lease alone', async () => {
  const { backend, schema } = await behindPooler()
  const worker = registration({ leaseMs: 10_000 })
  await backend.coordination.registerWorker(worker)
  const { heartbeat } = backend.queue
  if (heartbeat.kind !== 'thread') throw new Error('the heartbeat has a module')
  const connection = await (await import(heartbeat.module)).openHeartbeat(heartbeat.config, worker.id)
  expect(await connection.beat()).toEqual({ alive: true, held: [] })
  await connection.close()
  const age = (ms: number) => withClient((client) => client.query(`UPDATE ${schema}.heartbeats SET at = at - ${ms}`))
  await age(8_000)
  expect(await backend.coordination.reapWorkers()).toEqual([])
  await age(3_000)
  expect(await backend.coordination.reapWorkers()).toEqual([worker.id])
})
