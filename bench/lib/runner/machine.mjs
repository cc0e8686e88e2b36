/** What the figures were measured on. */
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import Database from 'better-sqlite3'
import { readLoad } from './load.mjs'

const versionOf = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version

function sqliteVersion() {
  const database = new Database(':memory:')
  const { version } = database.prepare('SELECT sqlite_version() AS version').get()
  database.close()
  return version
}

export function describeMachine(redisVersion) {
  const bullmq = versionOf('../../node_modules/bullmq/package.json')
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release().split('-')[0]}`,
    load: readLoad(),
    node: process.version.slice(1),
    sqlite: `${sqliteVersion()} (better-sqlite3)`,
    kerja: versionOf('../../../package.json'),
    peers: redisVersion === undefined ? 'none' : `BullMQ ${bullmq} on Redis ${redisVersion}`,
  }
}
