/** The Redis servers that BullMQ is measured on: REDIS_URL, or servers of our own that live as long as the run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { sleep } from '../meters.mjs'
import { freePort } from './ports.mjs'

const PREFIX = 'kerja-bench'
const START_MS_MAX = 5_000
const REMEDY = [
  'BullMQ is measured on Redis, and there is none. Either',
  '  install the server: `apt-get install redis-server`, `brew install redis`; an own instance is then started for the run,',
  '  or set REDIS_URL to a server that may be loaded (keys begin with `kerja-bench:` and are removed); `enqueue-one-caller` still needs the first,',
  '  or leave BullMQ out: `--contenders kerja,raw`.',
].join('\n')

/** What each kind is started with. Neither takes snapshots: they would only slow BullMQ down. */
const SERVER_OPTIONS = {
  plain: ['--save', '', '--appendonly', 'no'],
  safe: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
}

async function startServer(kind, parentFolder) {
  const folder = join(parentFolder, kind)
  mkdirSync(folder)
  const port = await freePort()
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...SERVER_OPTIONS[kind]], { stdio: 'ignore' })
  await once(server, 'spawn').catch(() => {
    throw new Error(REMEDY)
  })
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.kill() }
}

async function connect(url) {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: null })
  // Reported by the call that fails.
  client.on('error', () => undefined)
  const giveUpAt = performance.now() + START_MS_MAX
  for (;;) {
    try {
      await client.connect()
      return client
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`Redis at ${new URL(url).host} does not answer: ${error.message}`)
      await sleep(50)
    }
  }
}

/** What an acknowledged write means there. Asked of the server, since REDIS_URL may be anything. */
async function describeDurability(client) {
  const read = async (name) => (await client.config('GET', name))[1]
  try {
    if ((await read('appendonly')) === 'yes') {
      const policy = await read('appendfsync')
      return policy === 'always'
        ? 'Redis, AOF fsynced always: on disk when acknowledged'
        : `Redis, AOF fsynced ${policy}: acknowledged before the disk`
    }
    return (await read('save')) === '' ? 'Redis, no persistence: in memory only' : 'Redis, snapshots only: acknowledged before the disk'
  } catch {
    return 'Redis, persistence unknown (CONFIG is refused)'
  }
}

/** Removes what a measurement left, and nothing else. */
async function removeKeys(client) {
  for await (const keys of client.scanStream({ match: `${PREFIX}:*`, count: 1000 })) {
    if (keys.length > 0) await client.unlink(keys)
  }
}

/** Opens the server of each kind in `kinds`; servers of our own keep their files under `folder`. */
export async function openRedis(kinds, folder) {
  const servers = new Map()
  const stops = []
  const close = () => {
    for (const stop of stops) stop()
  }
  async function open(kind) {
    const given = kind === 'plain' ? process.env.REDIS_URL : undefined
    const own = given === undefined ? await startServer(kind, folder) : undefined
    if (own) stops.push(own.stop)
    const client = await connect(given ?? own.url)
    stops.unshift(() => client.disconnect())
    const version = /^redis_version:(\S+)/m.exec(await client.info('server'))?.[1]
    servers.set(kind, {
      version,
      durability: await describeDurability(client),
      env: { BENCH_REDIS_URL: given ?? own.url, BENCH_REDIS_PREFIX: PREFIX },
      clean: () => removeKeys(client),
    })
  }
  try {
    for (const kind of kinds) await open(kind)
  } catch (error) {
    close()
    throw error
  }
  return { server: (kind) => servers.get(kind), version: servers.values().next().value?.version, close }
}
