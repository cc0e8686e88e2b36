/** What the figures were measured on: `{ label: value }` in the order of the page. */
import { existsSync, readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import Database from 'better-sqlite3'
import { readLoad } from './load.mjs'
import { findNewerNode, versionOfNode } from './newer-node.mjs'

const versionIn = (path) => {
  const url = new URL(`../../${path}`, import.meta.url)
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).version : 'not installed'
}
const versionOf = (name, folder = '') => versionIn(`${folder}node_modules/${name}/package.json`)

function sqliteVersion() {
  const database = new Database(':memory:')
  const { version } = database.prepare('SELECT sqlite_version() AS version').get()
  database.close()
  return version
}

const describeMachine = () => ({
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release().split('-')[0]}`,
  load: readLoad(),
})

export const describeEmbedded = ({ redisVersion }) => ({
  ...describeMachine(),
  node: process.version.slice(1),
  sqlite: `${sqliteVersion()} (better-sqlite3)`,
  kerja: versionIn('../package.json'),
  peers: redisVersion === undefined ? 'none' : `BullMQ ${versionOf('bullmq')} on Redis ${redisVersion}`,
})

const listSettings = (settings) => Object.entries(settings).map(([name, value]) => `${name} ${value}`)

export function describePeers({ redisVersion, postgres, newerNode }) {
  const own = process.version.slice(1)
  const peers = [
    `pg-boss ${versionOf('pg-boss', 'peers/')}`,
    `graphile-worker ${versionOf('graphile-worker', 'peers/')}`,
    `BullMQ ${versionOf('bullmq')} on PostgreSQL${redisVersion === undefined ? '' : ` and on Redis ${redisVersion}`}`,
  ]
  const other = newerNode ? versionOfNode(findNewerNode()) : own
  return {
    ...describeMachine(),
    node: other === own ? own : `${own}; ${other} for pg-boss and graphile-worker, which need it`,
    postgres: postgres === undefined ? 'none' : `${postgres.version} (${listSettings(postgres.settings).join(', ')}), client pg ${versionOf('pg')}`,
    kerja: versionIn('../package.json'),
    peers: peers.join(', '),
  }
}

export const describeBrokers = ({ rabbitmqVersion, postgres }) => ({
  ...describeMachine(),
  node: process.version.slice(1),
  rabbitmq: `${rabbitmqVersion}, client amqplib ${versionIn('../node_modules/amqplib/package.json')}`,
  postgres: postgres === undefined ? 'none' : `${postgres.version} (${listSettings(postgres.settings).join(', ')})`,
  kerja: versionIn('../package.json'),
})
