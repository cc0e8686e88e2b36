// Connections that break, stall, are refused or lead to the wrong node: calls fail in time and work goes on by itself.
import { once } from 'node:events'
import { isKerjaError } from 'kerja'
import { postgres } from 'kerja/postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { newSchema, postgresUrl, removeLater, temporaryPostgres, withClient } from '../support/postgres.js'
import { startServer, type TestServer } from '../support/postgres-server.js'
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js'

/** A backend whose connections all pass a network that the test can break. */
async function throughProxy(url = postgresUrl(), options: Parameters<typeof temporaryPostgres>[0] = {}) {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy({ host: hostname, port: Number(port || 5432) })
  onTestFinished(() => proxy.close())
  const schema = newSchema()
  removeLater(schema, url)
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(proxy.port)
  const backend = postgres({ ...options, url: through.href, schema })
  onTestFinished(() => backend.close())
  await backend.open()
  return { backend, proxy, schema }
}

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => (isKerjaError(error) ? error.code : `not coded: ${String(error)}`),
  )

/** Calls until one goes through; returns how long that took. */
async function recovery(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  while ((await codeOf(call())) !== 'done') expect(performance.now() - startedAt).toBeLessThan(20_000)
  return performance.now() - startedAt
}

describe('a connection', () => {
  it('whose other end vanished is found out before the call is given up, and the next call goes through', async () => {
    const { backend, proxy } = await throughProxy()
    await backend.coordination.workers()
    proxy.silence()
    proxy.heal()
    const startedAt = performance.now()
    expect(await codeOf(backend.coordination.workers())).toBe('BACKEND_UNAVAILABLE')
    expect(performance.now() - startedAt).toBeLessThan(4_500)
    expect(await codeOf(backend.coordination.workers())).toBe('done')
  })

  it('that is merely slow is waited for', async () => {
    const schema = newSchema()
    const backend = temporaryPostgres({ schema })
    await backend.open()
    await withClient(async (client) => {
      await client.query(`BEGIN; LOCK TABLE ${schema}.workers`)
      const call = backend.coordination.workers()
      // Longer than the watchdog waits before it asks the server, whose time it is.
      await client.query('SELECT pg_sleep(4)')
      await client.query('COMMIT')
      expect(await codeOf(call)).toBe('done')
    })
  })

  it('that has no answer in time ends with the call’s limit', async () => {
    const schema = newSchema()
    const backend = temporaryPostgres({ schema, callTimeout: '1s' })
    await backend.open()
    await withClient(async (client) => {
      await client.query(`BEGIN; LOCK TABLE ${schema}.workers`)
      expect(await codeOf(backend.coordination.workers())).toBe('BACKEND_UNAVAILABLE')
      await client.query('COMMIT')
    })
    expect(await codeOf(backend.coordination.workers())).toBe('done')
  })

  it('that was cut fails its calls at once and is replaced at once', async () => {
    const { backend, proxy } = await throughProxy()
    await Promise.all([1, 2, 3].map(() => backend.coordination.workers()))
    proxy.cut()
    await once(process, 'kerja-never', { signal: AbortSignal.timeout(50) }).catch(() => undefined)
    const startedAt = performance.now()
    expect(await codeOf(backend.coordination.workers())).toBe('done')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('that an administrator terminated is replaced', async () => {
    const schema = newSchema()
    const url = new URL(postgresUrl())
    url.searchParams.set('application_name', schema)
    const backend = temporaryPostgres({ schema, url: url.href })
    const woken = new Promise<void>((resolve) => backend.queue.listen({ available: resolve }))
    await backend.open()
    await woken
    await withClient((client) => client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [schema]))
    expect(await recovery(() => backend.coordination.workers())).toBeLessThan(2_000)
  })
})

describe('a server', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.destroy())

  it('that crashed and came back is used again by itself, without a storm of attempts', async () => {
    const { backend, proxy } = await throughProxy(server.url)
    let wakeCount = 0
    backend.queue.listen({ available: () => wakeCount++ })
    await backend.coordination.workers()
    await server.stop('immediate')
    const before = proxy.connectionCount
    const failing = Array.from({ length: 20 }, () => codeOf(backend.coordination.workers()))
    expect(new Set(await Promise.all(failing))).toEqual(new Set(['BACKEND_UNAVAILABLE']))
    expect(proxy.connectionCount - before).toBeLessThan(20)
    const wakesBefore = wakeCount
    await server.start()
    expect(await recovery(() => backend.coordination.workers())).toBeLessThan(5_000)
    expect(wakeCount).toBeGreaterThan(wakesBefore)
  })

  it('that became read-only is left for one that is not', async () => {
    const { backend } = await throughProxy(server.url)
    const pause = () => backend.coordination.pauseQueue('some')
    const setReadOnly = (value: string) =>
      withClient(async (client) => {
        await client.query('SET default_transaction_read_only = off')
        await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`)
        await client.query('SELECT pg_reload_conf()')
      }, server.url)
    await setReadOnly('on')
    expect(
      await recovery(async () => ((await codeOf(pause())) === 'BACKEND_UNAVAILABLE' ? undefined : Promise.reject(new Error('not yet')))),
    ).toBeLessThan(5_000)
    expect(await codeOf(pause())).toBe('BACKEND_UNAVAILABLE')
    await setReadOnly('off')
    expect(await recovery(pause)).toBeLessThan(5_000)
  })

  it('with no connection left for us is used by as many as there are', async () => {
    await withClient(async (client) => {
      await client.query('CREATE ROLE narrow LOGIN CONNECTION LIMIT 2')
      await client.query('GRANT CREATE ON DATABASE postgres TO narrow')
    }, server.url)
    const url = new URL(server.url)
    url.username = 'narrow'
    const schema = newSchema()
    removeLater(schema, server.url)
    const backend = postgres({ url: url.href, schema, connections: 8, listen: false })
    onTestFinished(() => backend.close())
    await backend.open()
    const calls = Array.from({ length: 50 }, () => codeOf(backend.coordination.workers()))
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['done']))
  })

  it('that refuses the user says so at once', async () => {
    const url = new URL(server.url)
    url.username = 'nobody'
    url.password = 'secret-word'
    const backend = postgres({ url: url.href })
    onTestFinished(() => backend.close())
    const error = await backend.open().catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('refused to log this user in') })
    expect(JSON.stringify(error) + String(error)).not.toContain('secret-word')
  })
})

it('closes although the server is deaf', async () => {
  const { backend, proxy }: { backend: Awaited<ReturnType<typeof throughProxy>>['backend']; proxy: TcpProxy } = await throughProxy()
  const call = codeOf(backend.coordination.workers())
  await call
  proxy.silence()
  const startedAt = performance.now()
  await backend.close()
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})
