// A worker through outages: whatever happens between it and its server, it claims again within 5 seconds of the end, and nobody restarts it.
import { execFileSync } from 'node:child_process'
import { defineJob, type } from 'kerja/define'
import { postgres } from 'kerja/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { newSchema, withClient } from '../support/postgres.js'
import { startServer, type TestServer } from '../support/postgres-server.js'
import { openStage, type Stage } from '../support/stage.js'
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js'

const job = defineJob({ kind: 'test.job', payload: type<object>(), maxAttempts: 1 })
const CLAIMS_AGAIN_MS = 5_000

let server: TestServer
beforeAll(async () => {
  server = await startServer(['max_connections = 20'])
})
afterAll(() => server.destroy())

interface Scene {
  readonly stage: Stage
  readonly proxy: TcpProxy
  /** Another way to the server, which the fault does not touch. */
  readonly around: Stage
  readonly worker: { readonly id: string; readonly state: string }
}

/** A worker whose connections pass a network that the test can break, and a producer that has another way. */
async function openScene(url = server.url): Promise<Scene> {
  const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(url).port) })
  onTestFinished(() => proxy.close())
  const through = new URL(url)
  through.port = String(proxy.port)
  through.searchParams.set('application_name', 'victim')
  const schema = newSchema()
  const stage = openStage(postgres({ url: through.href, schema }))
  const worker = await stage.work(job.handle(() => undefined))
  const around = openStage(postgres({ url, schema, connections: 2, listen: false }))
  await stage.run(job)
  return { stage, proxy, around, worker }
}

/** Enqueues, and expects the worker that was there before to run it in time. */
async function claimsAgain({ stage, around, worker }: Scene, from = performance.now()): Promise<void> {
  let receipt: { readonly id: string } | undefined
  while (receipt === undefined) receipt = await around.kerja.enqueue(job, {}).catch(() => undefined)
  await stage.until('job.completed', receipt.id)
  expect(performance.now() - from).toBeLessThan(CLAIMS_AGAIN_MS)
  expect(worker.state).toBe('running')
}

const admin = (statement: string) => withClient((client) => client.query(statement), server.url)

it('through crashes of the server', { timeout: 90_000 }, async () => {
  const scene = await openScene()
  for (let round = 0; round < 3; round += 1) {
    await server.stop('immediate')
    await scene.stage.until('worker.trouble')
    await server.start()
    await claimsAgain(scene)
  }
})

it('through the end of all its connections at once, again and again', async () => {
  const scene = await openScene()
  for (let round = 0; round < 5; round += 1) {
    await admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'")
    await claimsAgain(scene)
  }
})

it('through a network that goes silent under open sockets', { timeout: 60_000 }, async () => {
  const scene = await openScene()
  scene.proxy.silence()
  // The silent sockets never wake; new ones pass.
  scene.proxy.heal()
  await claimsAgain(scene)
})

it('through a network that lets nothing pass for longer than a lease', { timeout: 90_000 }, async () => {
  const scene = await openScene()
  scene.proxy.silence()
  const { id } = await scene.around.kerja.enqueue(job, {})
  const taken = await scene.around.work(job.handle(() => undefined))
  await scene.around.until('job.completed', id)
  // Its own registration is declared dead by the other worker meanwhile.
  while ((await scene.around.kerja.workers.list()).some((worker) => worker.id === scene.worker.id && worker.alive)) {
    await scene.around.kerja.workers.list()
  }
  await taken.stop()
  scene.proxy.heal()
  scene.proxy.cut()
  await claimsAgain(scene)
})

it('through a fail-over that leaves it on a node that takes no writes', { timeout: 60_000 }, async () => {
  const standby = await startServer(['default_transaction_read_only = on'])
  onTestFinished(() => standby.destroy())
  const scene = await openScene()
  const { port } = new URL(standby.url)
  scene.proxy.lead({ host: '127.0.0.1', port: Number(port) })
  scene.proxy.cut()
  await scene.stage.until('worker.trouble')
  scene.proxy.lead({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
  await claimsAgain(scene)
})

it('through a time in which the server has no connection left', { timeout: 60_000 }, async () => {
  const scene = await openScene()
  const hogs: pg.Client[] = []
  onTestFinished(() => Promise.all(hogs.map((hog) => hog.end())).then(() => undefined))
  await admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('victim', 'kerja')")
  for (let isFull = false; !isFull; ) {
    const hog = new pg.Client({ connectionString: server.url })
    hog.on('error', () => undefined)
    await hog.connect().then(
      () => hogs.push(hog),
      () => {
        isFull = true
      },
    )
  }
  const before = scene.proxy.connectionCount
  await scene.stage.until('worker.trouble')
  // Attempts are spread out: no storm.
  expect(scene.proxy.connectionCount - before).toBeLessThan(60)
  await Promise.all(hogs.splice(0).map((hog) => hog.end()))
  await claimsAgain(scene)
})

/** Where the program is, or null. */
function findPooler(): string | null {
  try {
    return execFileSync('which', ['pgbouncer'], { encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}

const pooler = findPooler()
it.skipIf(pooler === null)(
  `through a restart of pgbouncer${pooler === null ? ' (skipped: it is not installed; apt-get install pgbouncer)' : ''}`,
  { timeout: 90_000 },
  async () => {
    const { startPooler } = await import('../support/pgbouncer.js')
    const bouncer = await startPooler(pooler as string, server.url)
    onTestFinished(() => bouncer.destroy())
    const scene = await openScene(bouncer.url)
    await bouncer.stop()
    await scene.stage.until('worker.trouble')
    await bouncer.start()
    await claimsAgain(scene)
    await server.stop('immediate')
    await server.start()
    await claimsAgain(scene)
  },
)
