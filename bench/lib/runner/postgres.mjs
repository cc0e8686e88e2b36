/** The PostgreSQL server that the peers are measured on: KERJA_BENCH_POSTGRES_URL, or a cluster of our own that lives as long as the run. */
import pg from 'pg'
import { sleep } from '../meters.mjs'
import { startCluster } from './postgres-cluster.mjs'

const SCHEMA = 'kerja_bench'
const START_MS_MAX = 20_000
const SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'autovacuum_naptime']

async function connect(url, failure) {
  const giveUpAt = performance.now() + START_MS_MAX
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: SCHEMA })
    // Reported by the call that fails.
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch (error) {
      const reason = failure()
      if (reason !== undefined) throw new Error(reason)
      if (performance.now() > giveUpAt) throw new Error(`PostgreSQL at ${new URL(url).host} does not answer: ${error.message}`)
      await sleep(100)
    }
  }
}

async function readSettings(client) {
  const settings = {}
  for (const name of SETTINGS) settings[name] = (await client.query(`SHOW ${name}`)).rows[0][name]
  return settings
}

function describeDurability({ fsync, synchronous_commit: commit }) {
  const isDurable = fsync === 'on' && commit !== 'off'
  return `PostgreSQL, fsync ${fsync}, synchronous_commit ${commit}: ${isDurable ? 'on disk when acknowledged' : 'acknowledged before the disk'}`
}

/** Opens it; a cluster of our own keeps its files under `folder`. */
export async function openPostgres(folder) {
  const given = process.env.KERJA_BENCH_POSTGRES_URL
  const own = given === undefined ? await startCluster(folder) : undefined
  const url = given ?? own.url
  let client
  try {
    client = await connect(url, own?.failure ?? (() => undefined))
  } catch (error) {
    await own?.stop()
    throw error
  }
  /** Removes what a measurement left, and nothing else; every measurement begins with an empty schema and, on a server of our own, after a checkpoint. */
  async function clean() {
    await client.query("SET client_min_messages = 'warning'")
    await client.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
    if (own !== undefined) await client.query('CHECKPOINT')
  }
  await clean()
  const settings = await readSettings(client)
  const version = (await client.query('SHOW server_version')).rows[0].server_version.split(' ')[0]
  return {
    version,
    settings,
    durability: describeDurability(settings),
    env: {
      BENCH_POSTGRES_URL: url,
      BENCH_POSTGRES_SCHEMA: SCHEMA,
      ...(own === undefined ? {} : { BENCH_POSTGRES_PID: String(own.pid), BENCH_POSTGRES_LOG: own.logFile }),
    },
    clean,
    async close() {
      await client.end()
      await own?.stop()
    },
  }
}
